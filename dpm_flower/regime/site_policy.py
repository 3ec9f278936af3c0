"""What one institution allows: which studies and methods may run on its images, and what may leave. It refuses by default."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dpm_flower.core.errors import PolicyError, ReleaseError, SettingError
from dpm_flower.core.study import Study
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.rules import SHA256, shown

HEADLINE = "headline_p"
NOTHING = "nothing"  # the method of who shares nothing: no release, so nothing to allow


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy:
    """Allowed studies and methods by name, and limits on one release. What is not named is refused.

    `most` bounds scores of the own audit from above, by name in the manifest, for example ``{"headline_p": 0.1}``: a release whose
    audit lacks one of them or exceeds it does not leave; where it is empty, every release may, whatever attackers got out of it. A
    headline is that of the attackers whom the study asks; whom the site insists on it names, ``{"A2.s300.x3.disclosed_p": 0.2}``.
    `most_of_peers` bounds what peers have signed of theirs in the same way: a release without such an audit, or with a worse one, is
    refused. `bundles` are the SHA-256 digests of app bundles that the site's launcher starts. `network_updates` allows averaging and
    shared deciders, whose updates leave without an audit, and the lead's pre-training. `confidential` encrypts releases for the
    roster's members.
    """

    studies: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    most: Mapping[str, float] = field(default_factory=dict)
    most_of_peers: Mapping[str, float] = field(default_factory=dict)
    max_release_mb: float = 1024.0
    max_samples: int = 1_000_000
    network_updates: bool = False
    confidential: bool = True

    def __post_init__(self) -> None:
        for name in ("most", "most_of_peers"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
            if strange := [score for score, limit in getattr(self, name).items() if not math.isfinite(limit)]:
                raise SettingError(f"limits of {name} must be finite, got others for {shown(strange)}")
        for digest in self.bundles:
            if not SHA256.fullmatch(digest):
                raise SettingError(f"a bundle's digest is a SHA-256 in 64 lower-case hexadecimal digits, got {shown(digest)}")
        if not self.max_release_mb > 0 or self.max_samples < 1:
            raise SettingError(f"limits must be > 0, got max_release_mb {self.max_release_mb} and max_samples {self.max_samples}")

    def check_study(self, study: Study) -> None:
        """Raises PolicyError unless this study, under this name, may run on the site's images."""
        if study.name not in self.studies:
            raise PolicyError(f"this site's policy allows the studies {shown(self.studies)}, got {shown(study.name)}")

    def check_method(self, name: str) -> None:
        """Raises PolicyError unless releases of this sharing method may leave."""
        if name != NOTHING and name not in self.methods:
            raise PolicyError(f"this site's policy allows the methods {shown(self.methods)}, got {shown(name)}")

    def check_audit(self, attackers: Collection[str]) -> None:
        """Raises PolicyError for a limit on a score of none of these attackers, the headline aside: no release could ever keep it."""
        if strange := [score for score in self.most if not score.startswith(HEADLINE) and score.rpartition(".")[0] not in attackers]:
            raise PolicyError(
                f"this site's policy limits scores of attackers that are not asked, {shown(strange)}; asked are {shown(attackers)}"
            )

    def check_update(self, what: str) -> None:
        """Raises PolicyError unless weights that were trained on own images may leave."""
        if not self.network_updates:
            raise PolicyError(f"this site's policy lets no weights leave that were trained on its images, wanted for {shown(what)}")

    def check_release(self, manifest: Manifest) -> None:
        """Raises PolicyError unless a release of this size and with this audit may leave."""
        self.check_method(manifest.method)
        if manifest.samples > self.max_samples:
            raise PolicyError(f"this site's policy allows {self.max_samples} samples in a release, got {manifest.samples}")
        if manifest.size_bytes > self.max_release_mb * 1e6:
            raise PolicyError(f"this site's policy allows {self.max_release_mb:g} MB in a release, got {manifest.size_bytes / 1e6:g} MB")
        if reason := _beyond(self.most, manifest.audit):
            raise PolicyError(f"this site's policy {reason}")

    def check_again(self, scores: Mapping[str, float]) -> None:
        """Raises PolicyError where a later audit exceeds a limit; of whom it did not ask, or who did not succeed, it says nothing."""
        if reason := _beyond({name: limit for name, limit in self.most.items() if name in scores}, scores):
            raise PolicyError(f"this site's policy {reason}")

    def check_peer(self, manifest: Manifest) -> None:
        """Raises ReleaseError for a peer's release whose signed audit is not what this site asks of its peers."""
        if reason := _beyond(self.most_of_peers, manifest.audit):
            raise ReleaseError(f"this site's policy for peers {reason}")


def _beyond(most: Mapping[str, float], audit: Mapping[str, float]) -> str:
    """Limits and an audit -> the first that it lacks or exceeds, in words; empty where it keeps them all."""
    for name, limit in most.items():
        if (score := audit.get(name)) is None:
            return f"asks for the audit's {name}, got {shown(sorted(audit))}"
        if not score <= limit:
            return f"allows {name} up to {limit:g}, got {score:g}"
    return ""
