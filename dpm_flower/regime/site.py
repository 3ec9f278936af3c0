"""An entity's own folder: where its networks, features, deciders and pool lie."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.exchange.layout import REPLAYS


@dataclass(frozen=True, slots=True)
class Site:
    """Paths below one entity's private folder. Nothing here leaves the house but what its pool publishes.

    The pool lies at `releases` where the folder goes sooner than what is released.
    """

    folder: Path
    releases: Path | None = None

    @property
    def secret(self) -> Path:
        """A deployed site's own secret, from which its private methods draw."""
        return self.folder / "secret"

    @property
    def identity(self) -> Path:
        """A simulated entity's keys; a deployed one's lie where its site file says."""
        return self.folder / "identity"

    @property
    def roster_lock(self) -> Path:
        """What holds a simulated entity to its roster."""
        return self.folder / "roster.lock"

    @property
    def replays(self) -> Path:
        """Which releases this entity has seen before."""
        return self.pool / REPLAYS

    def own_images(self, campaign: str) -> Path:
        """Which images of a deployed site's own the campaign began with: their digest."""
        return self.folder / campaign / "own-images.sha256"

    def nets(self, campaign: str) -> Path:
        """The pre-training broadcast, once verified."""
        return self.folder / campaign / "nets.safetensors"

    def decider(self, campaign: str, arm: str) -> Path:
        """The decider (or network) that this entity refined in an arm."""
        return self.folder / campaign / "deciders" / f"{file_stem(arm)}.safetensors"

    def contribution(self, campaign: str, method: str) -> Path:
        """What this entity contributed, so that it never contributes twice."""
        return self.folder / campaign / "contributions" / f"{file_stem(method)}.json"

    def pictures(self, campaign: str, method: str, again: int = 0) -> Path:
        """A few own images beside what each attacker makes of their raw features and of their release: for the owner's eyes."""
        return self.folder / campaign / "pictures" / f"{_audit_stem(method, again)}.safetensors"

    def leakage(self, campaign: str, method: str, again: int = 0) -> Path:
        """What an audit of a contribution found: for the owner's eyes, as its pictures are. `again` numbers those after the first."""
        return self.folder / campaign / "audits" / f"{_audit_stem(method, again)}.json"

    def pooled(self, campaign: str, arm: str) -> Path:
        """Features received for an arm, while its decider is refined on them."""
        return self.folder / campaign / "pooled" / f"{file_stem(arm)}.rows"

    def attacker(self, campaign: str, knowledge: str) -> Path:
        """The folder of an attacker of the own audit; `knowledge` is all that it was trained on, so that others have others."""
        return self.folder / campaign / "attackers" / file_stem(knowledge)

    def attackers_features(self, campaign: str) -> Path:
        """The cache of what those attackers compute from the images that they own: another entity's, which a simulation has at hand."""
        return self.folder / campaign / "attackers" / "features"

    def checkpoint(self, campaign: str, work: str) -> Path:
        """The state of a training that is under way."""
        return self.folder / campaign / "checkpoints" / f"{file_stem(work)}.safetensors"

    @property
    def features(self) -> Path:
        """The cache of own features."""
        return self.folder / "features"

    @property
    def pool(self) -> Path:
        """The releases that this entity holds, its own and its peers'."""
        return self.releases or self.folder / "pool"

    @property
    def progress(self) -> Path:
        """Where this entity writes how far it is."""
        return self.folder / "progress.jsonl"


def _audit_stem(method: str, again: int) -> str:
    return f"{file_stem(method)}.again-{again}" if again else file_stem(method)


def file_stem(name: str) -> str:
    """Any name -> one that every file system takes; different names stay different."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
