"""One release as a pool's index lists it."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, get_args

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.claim import Claim
from dpm_flower.payload import rules
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields

State: TypeAlias = Literal["held", "damaged", "withdrawn", "expired"]
Ended: TypeAlias = Literal["withdrawn", "expired"]

ENDED: tuple[Ended, ...] = get_args(Ended)
_STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A release's digest, what its manifest says of it, and how it stands here. Times are seconds since 1970 UTC.

    `held`: whole when last looked at, served. `damaged`: listed, but not all of it lies here; admitting it again mends it.
    `withdrawn` and `expired`: its shards are gone for good.
    """

    digest: str
    payload_digest: str  # of the signed bytes: the same manifest in another envelope has the same
    sender: str
    campaign: str
    sequence: int
    round: int
    method: str
    samples: int
    size_bytes: int
    made_at: int
    expires_at: int
    recipients: tuple[str, ...]
    state: State
    admitted_at: int

    @classmethod
    def of(cls, digest: str, envelope: Envelope, state: State, admitted_at: int) -> "Listing":
        """A release's digest and envelope -> its listing. Raises ReleaseError if the payload is no manifest."""
        claim = Claim.of(envelope)
        return cls(
            digest=digest,
            payload_digest=hashlib.sha256(envelope.payload).hexdigest(),
            sender=claim.sender,
            campaign=claim.campaign,
            sequence=claim.sequence,
            round=claim.round,
            method=claim.method,
            samples=claim.samples,
            size_bytes=claim.size_bytes,
            made_at=claim.made_at,
            expires_at=claim.expires_at,
            recipients=claim.recipients,
            state=state,
            admitted_at=admitted_at,
        )

    def to_plain(self) -> dict[str, object]:
        """The listing -> a mapping of JSON values."""
        return asdict(self) | {"recipients": list(self.recipients)}

    @classmethod
    def from_plain(cls, fields: Fields) -> "Listing":
        """Fields with the keys LISTING_KEYS -> the listing. Raises ReleaseError for values of other types."""
        return cls(
            digest=rules.sha256(fields.text("digest"), "digest"),
            payload_digest=rules.sha256(fields.text("payload_digest"), "payload_digest"),
            sender=fields.text("sender"),
            campaign=fields.text("campaign"),
            sequence=fields.integer("sequence"),
            round=fields.integer("round"),
            method=fields.text("method"),
            samples=fields.integer("samples"),
            size_bytes=fields.integer("size_bytes"),
            made_at=fields.integer("made_at"),
            expires_at=fields.integer("expires_at"),
            recipients=fields.texts("recipients"),
            state=_state(fields.text("state")),
            admitted_at=fields.integer("admitted_at"),
        )


LISTING_KEYS = frozenset(Listing.__dataclass_fields__)


def _state(text: str) -> State:
    for state in _STATES:
        if text == state:
            return state
    raise ReleaseError(f"a release's state must be one of {', '.join(_STATES)}, got {rules.shown(text)}")
