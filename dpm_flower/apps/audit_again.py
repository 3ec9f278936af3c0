"""Releases of a site's own that lie in its pool -> attacked anew, beside what was found before they left."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from flwr.app import Context, RecordDict
from torch import Tensor

from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import PoolError, ReleaseError, StudyError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import SharingMethod, StudyAttack
from dpm_flower.core.shared import SharedBatch
from dpm_flower.core.unpaired import images_behind
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation.opening import SITE, find_study, open_nets, open_task
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.payload.codec import decode
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.audit import Audit, audit
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.site import Site
from dpm_flower.regime.site_file import read_site_file
from dpm_flower.regime.site_standing import site_standing
from dpm_flower.regime.task import EntityTask
from dpm_flower.studies.own_audits import audits_folder, own_audits


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """How to attack anew: the campaign's study, data instead of its own, the study whose attacks to run instead of its own, and where
    the keys' passphrase comes from, if not from where the site file says."""

    study: str
    data: str = ""
    attacks: str = ""
    passphrase_fd: int | None = None
    passphrase_credential: str | None = None


def attack_again(site_path: Path, campaign: str, how: Again) -> list[Audit]:
    """A site file and a campaign -> an audit of each own release of it that lies in the pool, written down under the next number.

    Raises StudyError, PolicyError, OutputError, PoolError or ReleaseError for what cannot be attacked anew.
    """
    attacks, site = _asked(how), Site(read_site_file(site_path).folder)
    standing = site_standing(site_path, how.passphrase_fd, how.passphrase_credential)
    seed = own_audits(site, campaign)[0].leakage.seed
    context = Context(0, 0, {SITE: str(site_path.resolve())}, RecordDict(), {"study": how.study, "data": how.data})
    task = open_task(context, campaign, seed, "")
    task = replace(task, study=replace(task.study, attacks=attacks))
    records = {method: record for method in task.study.methods if (record := site.contribution(campaign, repr(method))).exists()}
    if not records:
        raise PoolError(f"{task.entity} has contributed nothing of study {task.study.name} in campaign {campaign}")
    nets = open_nets(task)
    with alone_in(audits_folder(site, campaign)), task.threads():
        number = 1 + max(one.again for one in own_audits(site, campaign))
        released = {method: _released(task, nets, method, standing.notary(), record) for method, record in records.items()}
        return [
            audit(task, nets, Exposed(method, _Gone(method.name), batch), task.features(nets), again=number)
            for method, batch in released.items()
        ]


def recorded(record: Path) -> tuple[Envelope, Manifest]:
    """The record of a contribution -> its envelope, which is not verified, and what that says. Raises PoolError for a damaged one."""
    try:
        envelope = Envelope.from_bytes(json.loads(record.read_text())["envelope"].encode())
        return envelope, Manifest.from_bytes(envelope.payload)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ReleaseError) as err:
        raise PoolError(f"the record {record} of a contribution is damaged: {err}") from err


@dataclass(frozen=True, slots=True)
class _Gone:
    """A sharer that was deleted when its release had left."""

    method: str

    def share(self, images: Tensor, labels: Labels) -> SharedBatch:
        """Nobody can ask it any more. Raises ReleaseError."""
        del images, labels
        raise ReleaseError(f"the private module behind this release of {self.method} is gone")


def _asked(how: Again) -> tuple[StudyAttack, ...]:
    """Whom to ask beside the public reconstructor; those by default where the campaign's study has nobody."""
    attacks = find_study(how.attacks or how.study).attacks
    if how.attacks and not attacks:
        raise StudyError(f"wanted a study that has attacks, got {how.attacks}, which has none")
    if asking := [attack.name for attack in attacks if attack.level.asks_module]:
        raise ReleaseError(
            f"the private module behind a release is gone when that has left, and {', '.join(asking)} would ask it: name a study of other "
            "attacks, with --attacks"
        )
    return attacks or DEFAULT_AUDIT


def _released(task: EntityTask, nets: PublicNets, method: SharingMethod, notary: Notary, record: Path) -> SharedBatch:
    """The record of a contribution -> what was released, as a peer decodes it. Raises PoolError or ReleaseError."""
    pool, (envelope, manifest) = Pool(task.site.pool, site=task.entity), recorded(record)
    envelope = pool.envelope(envelope.digest)  # not there any more where it was withdrawn
    features = replace(nets.spec, codec=manifest.spec.codec) if isinstance(manifest.spec, FeatureSpec) else nets.spec
    spec = ImageSpec(shape=(3, task.study.side, task.study.side)) if manifest.kind == "images" else features
    release = notary.verify_own(envelope, task, spec)
    batch = decode(list(content(release, pool.shards(release))), spec, classes=task.train.classes, samples=release.manifest.samples)
    labels = task.train.labels
    if not torch.equal(batch.labels, labels[images_behind(method, labels, batch)]):
        raise ReleaseError(
            f"release {release.digest} was made of other images than these: their labels are not its own; name its run's --data"
        )
    return batch
