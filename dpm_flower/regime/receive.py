"""What peers released: envelopes -> verified batches, and the reasons for those that were refused."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from dpm_flower.core.errors import AwayError, PoolError, ReleaseError
from dpm_flower.core.shared import SharedBatch
from dpm_flower.exchange.exchange import Exchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload.codec import decode_each
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.released_spec import LabelledSpec, ReleasedSpec
from dpm_flower.payload.verified import VerifiedRelease
from dpm_flower.regime.publishing import Notary, Reader
from dpm_flower.regime.receiving_time import ReceivingTime
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.regime.task import EntityTask


class Refusal(NamedTuple):
    """A release that was not used: whose it is, and why not."""

    sender: str
    reason: str


class Away(Refusal):
    """One that did not come in time, so that nothing is known against it: the next time it may be there."""


Take: TypeAlias = Callable[[Iterable[SharedBatch]], None]  # one release's batches: all of them are taken, or none


def receive(
    task: EntityTask,
    claims: Sequence[tuple[str, str]],
    spec: LabelledSpec,
    notary: Notary,
    exchange: Exchange,
    take: Take,
    *,
    method: str,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Refusal, ...]:
    """(sender, envelope as JSON text) of other entities -> (sender, reason) of what was refused, or was merely not there.

    `take` gets the releases of that method, fetched and verified, one after the other in the order of their senders' names, each
    as batches of which no more than one is in memory. It forgets those of a release whose next batch raises. A release that fails
    any check, does not fit into memory, or does not come in time, costs its sender that release and nobody else anything.
    Source: DESIGN.md, "Trust".
    """
    pool = Pool(task.site.pool, site=task.entity)
    refused: list[Refusal] = []
    others = sorted(claim for claim in set(claims) if claim[0] != task.entity)  # who is named twice is not heard twice
    waiting = ReceivingTime(task.study.phase_timeout_s, clock)
    for position, (sender, text) in enumerate(others):
        try:
            with logged(pool, sender):
                release = admitted(text, task, sender, spec, notary, method=method, policy=task.policy)
                if waiting.is_over and release.digest not in pool.digests():  # what lies here costs no time
                    raise AwayError(f"not fetched: peers before it used up the {waiting.allowed_s:.3g} s for all releases of a message")
            with waiting.counted():  # the pool itself notes what it refuses
                exchange.fetch(release, pool, within_s=waiting.share_s(len(others) - position))
            with logged(pool, sender):
                shards = content(release, pool.shards(release))
                take(decode_each(shards, spec, classes=release.manifest.classes, samples=release.manifest.samples))
        except AwayError as err:
            refused.append(Away(sender, str(err)))
        except (ReleaseError, PoolError) as err:
            refused.append(Refusal(sender, str(err)))
        except (MemoryError, RuntimeError) as err:
            if not _lacks_memory(err):
                raise
            refused.append(Refusal(sender, f"its release does not fit into memory here: {err}"))
    return tuple(refused)


def admitted(
    text: str, reader: Reader, sender: str, spec: ReleasedSpec, notary: Notary, *, method: str, policy: SitePolicy | None
) -> VerifiedRelease:
    """A peer's envelope as JSON text -> the release, of that method, as the reader's policy allows. Raises ReleaseError for any other."""
    release = notary.verify(Envelope.from_bytes(text.encode()), reader, sender, spec)
    if release.manifest.method != method:  # raw features would fit everywhere that poisoned ones do
        raise ReleaseError(f"wanted a release of {method}, got one of {release.manifest.method}")
    if policy:
        policy.check_peer(release.manifest)
    return release


@contextmanager
def logged(pool: Pool, sender: str) -> Iterator[None]:
    """A release that is refused within the block has a line in the audit log."""
    try:
        yield
    except ReleaseError as err:
        pool.audit_log.append("refused", sender=sender, reason=str(err))
        raise


def _lacks_memory(err: MemoryError | RuntimeError) -> bool:
    """Torch has no type of its own for a CPU that is out of memory: it says so in the text of a RuntimeError."""
    return isinstance(err, MemoryError) or "can't allocate memory" in str(err)
