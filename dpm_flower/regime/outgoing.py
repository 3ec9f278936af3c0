"""A release on its last steps: encoded shards and what is said of them -> packed, signed, and checked as its reader will check it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpm_flower.payload.binding import Binding
from dpm_flower.payload.confidential import seal
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.packing import packed
from dpm_flower.payload.released_spec import ReleasedSpec
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import VerifiedRelease
from dpm_flower.regime.publishing import Notary, Reader
from dpm_flower.regime.site_policy import SitePolicy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outgoing:
    """A release as its codec made it: the method's name, its number in the campaign, and what the manifest says of it.

    `audit` are the scores of the attacks on it.
    """

    method: str
    sequence: int
    spec: ReleasedSpec
    samples: int
    shards: Sequence[Shard]
    audit: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """What a pool can publish."""

    release: VerifiedRelease
    shards: Sequence[Shard]


def ready(outgoing: Outgoing, owner: Reader, notary: Notary, policy: SitePolicy | None, audit_log_head: str) -> Ready:
    """A release, whose it is, who signs, and what the site allows -> the same packed, signed, and verified by the owner.

    Shards are compressed where that wins, and encrypted where the site says so. Raises PolicyError where the policy does not let it
    leave.
    """
    shards, manifest = _packed(outgoing, owner, notary, audit_log_head)
    if policy:
        policy.check_release(manifest)
    return Ready(notary.verify_own(notary.seal(manifest), owner, outgoing.spec), shards)


def _packed(outgoing: Outgoing, owner: Reader, notary: Notary, audit_log_head: str) -> tuple[list[Shard], Manifest]:
    shards = [packed(shard) for shard in outgoing.shards]
    sealed = None
    if notary.recipients is not None:
        binding = Binding(sender=owner.entity, campaign=owner.campaign, sequence=outgoing.sequence)
        sealed = seal(shards, binding, notary.recipients())
        shards = sealed.shards
    made_at = int(time.time())
    manifest = Manifest(
        campaign=owner.campaign,
        round=1,
        sequence=outgoing.sequence,
        sender=owner.entity,
        method=outgoing.method,
        spec=outgoing.spec,
        classes=owner.classes,
        samples=outgoing.samples,
        shards=tuple(ShardEntry.of(shard) for shard in shards),
        made_at=made_at,
        expires_at=made_at + notary.lifetime_s,
        audit=outgoing.audit,
        audit_log_head=audit_log_head,
        encryption="aes-256-gcm-segments" if sealed else "none",
        recipients=tuple(sorted(sealed.wrapped_keys)) if sealed else (),
        key_commitment=sealed.key_commitment if sealed else "",
        wrapped_keys=sealed.wrapped_keys if sealed else {},
    )
    return shards, manifest
