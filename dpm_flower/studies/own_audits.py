"""A site's folder -> the audits of its own releases that lie there, each with its pictures: for the owner's eyes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dpm_flower.attacks.spanned_release import SpannedRelease
from dpm_flower.core.errors import OutputError
from dpm_flower.regime.leakage import FORMAT, Leakage
from dpm_flower.regime.site import Site
from dpm_flower.studies.formatted_json import JsonFormat

LEAKAGES = JsonFormat(Leakage, FORMAT, "an audit")
MADE_UP = "What is released is made up"  # so began what records said of such releases that were written before `unpaired` was
MEMBERS_TOLD = SpannedRelease().name  # of paired releases, the only links of members before `members` was said
_LATER = re.compile(r"\.again-([1-9][0-9]*)$")  # as the site names them


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OwnAudit:
    """One audit with its pictures. `release` is how the release's files are called; `again` numbers audits after the first, 0."""

    release: str
    again: int
    leakage: Leakage
    pictures: Mapping[str, Tensor] = field(repr=False)

    @property
    def title(self) -> str:
        """What the owner calls it: "deep-poisoning, before it left", "deep-poisoning, attacked again (1)"."""
        return f"{self.leakage.method}, {f'attacked again ({self.again})' if self.again else 'before it left'}"


def latest_campaign(site: Site) -> str:
    """The campaign whose releases were audited last. Raises OutputError where none was."""
    found = sorted(site.folder.glob("*/audits/*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise OutputError(f"wanted a site that has made a release, got {site.folder}, where no audit lies")
    return found[-1].parent.parent.name


def own_audits(site: Site, campaign: str) -> list[OwnAudit]:
    """A campaign's audits, at least one, by release: the one before it left, then the later ones.

    Raises OutputError where there is none, or one without pictures, StudyError for one that is damaged.
    """
    paths = list(audits_folder(site, campaign).glob("*.json"))
    if not paths:
        raise OutputError(f"wanted a campaign in which this site made a release, got {campaign!r}")
    return sorted((_own_audit(site, campaign, path) for path in paths), key=lambda audit: (audit.release, audit.again))


def audits_folder(site: Site, campaign: str) -> Path:
    """Where a campaign's audits lie."""
    return site.leakage(campaign, "").parent


def read_leakage(path: Path) -> Leakage:
    """A record of an audit, also one of before all of its fields were -> the audit. Raises StudyError for anything else."""
    found = LEAKAGES.read(path)
    unpaired = found.unpaired or MADE_UP in found.proves
    links = tuple(replace(link, members=link.members or unpaired or link.name == MEMBERS_TOLD) for link in found.links)
    return replace(found, unpaired=unpaired, links=links)


def _own_audit(site: Site, campaign: str, path: Path) -> OwnAudit:
    release, again = (*_LATER.split(path.stem), "0")[:2]
    pictures = site.pictures(campaign, "").with_name(f"{path.stem}.safetensors")
    leakage = read_leakage(path)
    try:
        shown = load_file(pictures)
    except (OSError, SafetensorError) as err:
        raise OutputError(f"cannot read the pictures of an audit, {pictures}: {err}") from err
    return OwnAudit(release=release, again=int(again), leakage=leakage, pictures=shown)
