"""Step 2, at every entity: fit the private method, audit what it would release, publish it in the own pool."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import OutputError, PoolError, ReleaseError, StudyError
from dpm_flower.core.protocols import FeatureSource, Preparation, SharingMethod, WithFigures, reads_labels_only
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.stopwatch import Stopwatch
from dpm_flower.core.unpaired import images_behind
from dpm_flower.core.whole_file import whole_file
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.codec import decode, encode
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.released_spec import LabelledSpec
from dpm_flower.regime.as_received import answers_as_received
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.audit import ALWAYS_ASKED, audit
from dpm_flower.regime.outgoing import Outgoing, ready
from dpm_flower.regime.publishing import Notary, released_spec
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.prediction import accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What an entity answers: its envelope (JSON text, empty where nothing is shared) and figures of the release."""

    envelope: str
    quality: Mapping[str, float]
    costs: Mapping[str, float]


def contribute(task: EntityTask, net: SplitNet, method: SharingMethod, sequence: int, notary: Notary) -> Contribution:
    """Own images -> one release of `method` in the own pool, and its manifest in an envelope; made once, then answered from record.

    The private part of the method lives in this call only, and is drawn from the entity's secret; in a simulation there is none,
    and anybody can make the same module and noise again. Raises PolicyError where the site's policy does not let it leave, StudyError
    where another process of this site is at the same contribution for longer than the study gives a message.
    Source: Deep Poisoning, step 2.
    """
    record = task.site.contribution(task.campaign, repr(method))
    making = record.with_suffix(".making")
    try:
        making.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write to the folder of entity {task.entity}, {making}: {err}") from err
    with _only_maker(task, making):
        if record.exists() and (kept := _kept(record, Pool(task.site.pool, site=task.entity))):
            return kept
        return _contributed(task, net, method, sequence, notary, record)


@contextmanager
def _only_maker(task: EntityTask, making: Path) -> Iterator[None]:
    """A client process that Flower has given up as lost may still be at it: one release, not two."""
    patience_s = task.study.phase_timeout_s  # nobody waits any longer for the answer
    with ExitStack() as held:
        try:
            held.enter_context(alone_in(making, wait_s=patience_s))
        except StudyError as err:
            raise StudyError(
                f"another process of {task.entity}'s site is making this contribution, and was not done within {patience_s:g} s"
            ) from err
        yield


def _contributed(task: EntityTask, net: SplitNet, method: SharingMethod, sequence: int, notary: Notary, record: Path) -> Contribution:
    if task.policy:
        task.policy.check_method(method.name)  # before hours of training
        task.policy.check_audit((ALWAYS_ASKED.name, *(attack.name for attack in task.study.attacks)))
    watch = Stopwatch.start()
    with task.threads():
        features = task.features(net)
        rng = task.secret_stream("method", repr(method))
        sharer = method.prepare(
            Preparation(
                net=net,
                private=task.train,
                validation=task.validation,
                public=task.public,
                rng=rng,
                compute=task.compute,
                report=task.report,
                features=features,
            )
        )
        if sharer is None:
            return Contribution(envelope="", quality={}, costs={})
        batch = sharer.share(task.train.images, task.train.labels)
        spec = released_spec(net, task.study.side, batch)
        shards = encode(batch)
        samples = len(images_behind(method, task.train.labels, batch))
        as_released = decode(shards, spec, classes=task.train.classes, samples=samples)
        fitted = watch.costs
        held_out = _held_out(task, net, Exposed(method, sharer, as_released), spec, features)
        watch = Stopwatch.start()
        audited = audit(task, net, Exposed(method, sharer, as_released), features)
        fitted |= {f"audit_{name}": value for name, value in watch.costs.items()}
        quality = audited.quality | held_out
        if isinstance(sharer, WithFigures):
            quality |= sharer.figures
    pool = Pool(task.site.pool, site=task.entity)
    outgoing = Outgoing(method=method.name, sequence=sequence, spec=spec, samples=samples, shards=shards, audit=audited.scores)
    leaving = ready(outgoing, task, notary, task.policy, pool.audit_log.head)
    costs = {**fitted, "bytes_sent": float(leaving.release.manifest.size_bytes)}
    contribution = Contribution(envelope=leaving.release.envelope.to_bytes().decode(), quality=quality, costs=costs)
    task.check_time()
    # the record first: one whose release is not in the pool counts for nothing, so that no release is ever published twice
    with whole_file(record) as partial:
        partial.write_text(json.dumps(asdict(contribution)))
    pool.publish(leaving.release, leaving.shards)
    return contribution


def _kept(record: Path, pool: Pool) -> Contribution | None:
    """What was answered before, if its release is whole in the pool; None where it never got there."""
    try:
        found = Contribution(**json.loads(record.read_text()))
        digest = Envelope.from_bytes(found.envelope.encode()).digest
    except (OSError, ValueError, TypeError, ReleaseError) as err:
        raise PoolError(f"the record {record} of a contribution is damaged: {err}") from err
    if digest in pool.digests():
        return found
    if pool.tombstone(digest) is not None:
        raise PoolError(f"release {digest} was withdrawn or has expired; it is not made a second time")
    return None


def _held_out(task: EntityTask, net: SplitNet, exposed: Exposed, spec: LabelledSpec, features: FeatureSource) -> dict[str, float]:
    """Accuracy of the decider as received on held-out images: on their raw features (``…_z``), and on what a peer would decode of them.

    The second is left out where a method makes things up for labels, or refuses to.
    """
    raw, labels = features(task.test.images), task.test.labels
    received = answers_as_received(task, net).accuracy
    of_raw = {f"{name}_z": share for name, share in received.figures.items()}
    if reads_labels_only(exposed.method):  # the labels are the true ones: the accuracy would be that of who knows them
        return of_raw
    try:
        shards = encode(exposed.sharer.share(task.test.images, labels))
    except ReleaseError:  # what a method refuses to make of images that it does not release says nothing of the release
        return of_raw
    match decode(shards, spec, classes=task.test.classes, samples=len(task.test)):
        case SharedFeatures(features=released):
            pass
        case SharedImages(images=images):
            # bytes come back as they are, and their features are there already
            released = raw if torch.equal(images, task.test.images) else features(images)
    read = {"z": received, "p": accuracy(net.decider, released, labels, task.compute)}
    return {f"{name}_{of}": share for of, answers in read.items() for name, share in answers.figures.items()}
