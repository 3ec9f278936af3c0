"""The types that say somebody checked: an authentic release, and a verified one. Pools and exchanges take nothing else."""

from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, NoReturn

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope

if TYPE_CHECKING:  # a manifest needs torch; pools and relays, which only move bytes, start without it
    from dpm_flower.payload.manifest import Manifest

PROOF = object()  # for payload/verification.py alone; whoever else writes this name knows what he is doing


@dataclass(frozen=True, slots=True)
class AuthenticRelease:
    """A manifest that is its sender's own word, in time and no replay, with the envelope it came in. What a relay holds.

    It says nothing of the content: whether it is what somebody waits for, and whether anybody here can open it.
    `digest`, the envelope's SHA-256, is the name of the release in every pool. Only payload/verification.py makes one.
    Raises ReleaseError when made elsewhere; it cannot be pickled, since whoever unpickles has verified nothing.
    """

    manifest: "Manifest"
    envelope: Envelope
    proof: InitVar[object]
    digest: str = field(init=False)

    def __post_init__(self, proof: object) -> None:
        if proof is not PROOF:
            raise ReleaseError("a verified release comes from Verifier.verify only; an envelope is a claim")
        object.__setattr__(self, "digest", self.envelope.digest)

    def __reduce__(self) -> NoReturn:
        raise ReleaseError("a verified release does not travel; send its envelope and verify it there")


@dataclass(frozen=True, slots=True)
class VerifiedRelease(AuthenticRelease):
    """An authentic release that passed every check of a reader's, who can open it: the one type from which content is read.

    `key` opens its shards, empty where they are not encrypted.
    """

    key: bytes = field(default=b"", repr=False)
