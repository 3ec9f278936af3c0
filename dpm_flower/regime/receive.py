"""What peers released, verified: envelopes -> batches in the own pool, and those that were refused with their reasons."""

from collections.abc import Sequence
from dataclasses import dataclass

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.core.shared import SharedBatch
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.codec import decode
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.released_spec import ReleasedSpec
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.task import EntityTask


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """Batches in the order of their senders' names, and (sender, reason) of what was refused."""

    batches: tuple[SharedBatch, ...]
    refused: tuple[tuple[str, str], ...]


def receive(
    task: EntityTask, claims: Sequence[tuple[str, str]], spec: ReleasedSpec, notary: Notary, exchange: Exchange, *, method: str
) -> Received:
    """(sender, envelope as JSON text) of other entities -> their batches of that method, fetched and verified.

    A release that fails any check costs its sender that release and nobody else anything. Source: DESIGN.md, "Trust".
    """
    pool = Pool(task.site.pool)
    batches: list[SharedBatch] = []
    refused: list[tuple[str, str]] = []
    for sender, text in sorted(set(claims)):  # who is named twice is not heard twice
        if sender == task.entity:
            continue
        try:
            release = notary.verify(Envelope.from_bytes(text.encode()), task, sender, spec)
            if release.manifest.method != method:  # raw features would fit everywhere that poisoned ones do
                raise ReleaseError(f"wanted a release of {method}, got one of {release.manifest.method}")
            exchange.fetch(release, pool)
            batches.append(decode(pool.read(release), spec, classes=release.manifest.classes, samples=release.manifest.samples))
        except (ReleaseError, PoolError) as err:
            refused.append((sender, str(err)))
    return Received(tuple(batches), tuple(refused))
