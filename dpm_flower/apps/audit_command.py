"""`dpm-flower audit`: a site file -> what its own releases tell, as a table and as a page for the owner; attacked anew if asked."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from flwr.app import Context, RecordDict
from rich.console import Console
from rich.table import Table
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dpm_flower.apps.refusal import exit_code
from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.core.errors import OutputError, PoolError, ReleaseError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedBatch
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation.opening import SITE, find_study, open_nets, open_task
from dpm_flower.federation.standings import standing_of
from dpm_flower.payload.codec import decode
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.audit import audit as attacked
from dpm_flower.regime.leakage import Leakage
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import read_site_file
from dpm_flower.regime.task import EntityTask
from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.leakage_report import LEAKAGES, fraction_text, leakage_html, sentence

PAGE = "leakage.html"


def audit(site_path: Path, campaign: str, study: str, data: str, attacks: str) -> int:
    """What the command was told -> the exit code."""

    def work() -> None:
        site = Site(read_site_file(site_path).folder)
        named = campaign or _latest(site)
        if study:
            _attack(site_path, named, study, data, attacks)
        audits = _audits(site, named)
        console = Console()
        for leakage, _ in audits:
            console.print(_table(leakage))
            console.print(f"{sentence(leakage)} {leakage.proves}\n", soft_wrap=True)
        path = write_atomically(site.folder / named / "audits" / PAGE, leakage_html(audits).encode())
        console.print(f"page with own images, for the owner's eyes: {path}", soft_wrap=True)

    return exit_code(work)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A sharer that was deleted when its release had left."""

    method: str

    def share(self, images: Tensor, labels: Labels) -> SharedBatch:
        """Nobody can ask it any more. Raises ReleaseError."""
        del images, labels
        raise ReleaseError(f"the private module behind this release of {self.method} is gone: attacks that ask it run before it leaves")


def _attack(site_path: Path, campaign: str, study: str, data: str, attacks: str) -> None:
    """Attacks each own release of the campaign that still lies in the pool, and writes down what came of it."""
    seed = next(leakage.seed for leakage, _ in _audits(Site(read_site_file(site_path).folder), campaign))
    context = Context(0, 0, {SITE: str(site_path.resolve())}, RecordDict(), {"study": study, "data": data})
    task = open_task(context, campaign, seed, "")
    asked = find_study(attacks).attacks if attacks else task.study.attacks or DEFAULT_AUDIT
    task = replace(task, study=replace(task.study, attacks=asked))
    nets, released = open_nets(task), [(method, path) for method in task.study.methods if (path := _record(task, method)).exists()]
    if not released:
        raise PoolError(f"{task.entity} has contributed nothing of study {task.study.name} in campaign {campaign}")
    with task.threads():
        for method, record in released:
            batch = _released(task, context, record)
            attacked(task, nets, Exposed(method, _Gone(method.name), batch), task.features(nets))


def _record(task: EntityTask, method: SharingMethod) -> Path:
    return task.site.contribution(task.campaign, repr(method))


def _released(task: EntityTask, context: Context, record: Path) -> SharedBatch:
    """The record of a contribution -> what was released, as a peer decodes it. Raises PoolError or ReleaseError."""
    try:
        envelope = Envelope.from_bytes(json.loads(record.read_text())["envelope"].encode())
    except (OSError, ValueError, KeyError, AttributeError) as err:
        raise PoolError(f"the record {record} of a contribution is damaged: {err}") from err
    side = task.study.side
    spec = ImageSpec(shape=(3, side, side)) if b'"kind":"images"' in envelope.payload else open_nets(task).spec
    release = standing_of(task, context).notary().verify_own(envelope, task, spec)
    shards = list(content(release, Pool(task.site.pool, site=task.entity).shards(release)))
    return decode(shards, spec, classes=task.train.classes, samples=release.manifest.samples)


def _latest(site: Site) -> str:
    """The campaign whose releases were audited last. Raises OutputError where none was."""
    found = sorted(site.folder.glob("*/audits/*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise OutputError(f"wanted a site that has made a release, got {site.folder}, where no audit lies")
    return found[-1].parent.parent.name


def _audits(site: Site, campaign: str) -> list[tuple[Leakage, dict[str, Tensor]]]:
    """A campaign's audits with their pictures, at least one. Raises OutputError where there is none, StudyError for a damaged one."""
    paths = sorted((site.folder / campaign / "audits").glob("*.json"))
    if not paths:
        raise OutputError(f"wanted a campaign in which this site made a release, got {campaign!r}")
    return [(LEAKAGES.read(path), _pictures(path)) for path in paths]


def _pictures(path: Path) -> dict[str, Tensor]:
    pictures = path.parent.parent / "pictures" / f"{path.stem}.safetensors"
    try:
        return load_file(pictures)
    except (OSError, SafetensorError) as err:
        raise OutputError(f"cannot read the pictures of an audit, {pictures}: {err}") from err


def _table(leakage: Leakage) -> Table:
    table = Table(title=f"{leakage.method}: {leakage.images} images released", title_justify="left")
    for head in ("attack", "knows", "disclosed, mean", "95th percentile", "s"):
        table.add_column(head)
    for one in leakage.attacks:
        name = one.name if one.in_headline else f"{one.name} (beside)"
        table.add_row(name, one.knows, fraction_text(one.mean), fraction_text(one.p95), f"{one.seconds:.0f}")
    for link in leakage.links:
        table.add_row(
            link.name,
            f"{link.knows}, {link.candidates}",
            f"rank-1 {100 * link.release:.2f} %",
            f"chance {100 * link.chance:.2f} %",
            f"{link.seconds:.0f}",
        )
    table.add_section()
    table.add_row("headline", "", fraction_text(leakage.mean), fraction_text(leakage.p95), f"{leakage.seconds:.0f}")
    return table
