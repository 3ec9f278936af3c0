"""What the lead signs about the public networks that everybody adopts: which weights they are, of which campaign and seed."""

from dataclasses import dataclass

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.roster import Roster
from dpm_flower.payload.signatures import check_signatures
from dpm_flower.payload.signing_keys import SigningKeys
from dpm_flower.payload.verification import CLOCK_SKEW_S

VERSION = 1
PAYLOAD_TYPE = "application/vnd.dpm-flower.networks+json"
MAX_STATEMENT_BYTES = 4096  # about 300 are in use


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworksStatement:
    """One lead's word for one set of networks. `digest` is that of `tensors_digest` over all tensors of the broadcast.

    `made_at` is in whole seconds since 1970 UTC. Raises ReleaseError for any value that a reader would refuse.
    """

    campaign: str
    seed: int
    lead: str
    digest: str
    made_at: int
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ReleaseError(f"wanted a statement of version {VERSION}, got {rules.shown(self.version)}")
        rules.name(self.campaign, "campaign")
        rules.count(self.seed, "seed", -rules.LARGEST_COUNT)
        rules.name(self.lead, "lead")
        rules.sha256(self.digest, "digest")
        rules.count(self.made_at, "made_at")

    def to_bytes(self) -> bytes:
        """The statement -> canonical JSON."""
        return canonical({key: getattr(self, key) for key in _KEYS})

    @classmethod
    def from_bytes(cls, data: bytes) -> "NetworksStatement":
        """Bytes whose signature was checked before -> the statement. Raises ReleaseError for anything but its one form."""
        fields = Fields.parse(data, "a statement about networks", _KEYS, MAX_STATEMENT_BYTES)
        statement = cls(
            version=fields.integer("version"),
            campaign=fields.text("campaign"),
            seed=fields.integer("seed"),
            lead=fields.text("lead"),
            digest=fields.text("digest"),
            made_at=fields.integer("made_at"),
        )
        if statement.to_bytes() != data:
            raise ReleaseError("a statement about networks must be in canonical form: sorted keys, ASCII, no spaces")
        return statement


_KEYS = frozenset(NetworksStatement.__dataclass_fields__)


def seal_networks(keys: SigningKeys, statement: NetworksStatement) -> Envelope:
    """A statement -> an envelope with one signature of each key over its exact bytes."""
    payload = statement.to_bytes()
    return Envelope(payload, PAYLOAD_TYPE, keys.sign(PAYLOAD_TYPE, payload))


def verify_networks(envelope: Envelope, roster: Roster, *, campaign: str, seed: int, lead: str, digest: str, now: int) -> NetworksStatement:
    """An envelope, the roster in force, and what its reader holds (`digest`: of the tensors that came) -> what the lead signed of it.

    Raises ReleaseError with the first check that failed, in the order of a release's: size, kind, signer, signatures, schema, the
    broadcast that was expected, time.
    """
    if len(envelope.payload) > MAX_STATEMENT_BYTES:
        raise ReleaseError(f"a statement about networks may take {MAX_STATEMENT_BYTES} bytes, got {len(envelope.payload)}")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ReleaseError(f"wanted an envelope of {PAYLOAD_TYPE}, got {rules.shown(envelope.payload_type)}")
    check_signatures(envelope, roster.member(lead, now, "entity").card.signing)
    statement = NetworksStatement.from_bytes(envelope.payload)
    for what, wanted, came in (
        ("lead", lead, statement.lead),
        ("campaign", campaign, statement.campaign),
        ("seed", seed, statement.seed),
        ("digest", digest, statement.digest),
    ):
        if came != wanted:
            raise ReleaseError(f"wanted networks of {what} {wanted}, got a statement about {what} {rules.shown(came)}")
    if statement.made_at > now + CLOCK_SKEW_S:
        raise ReleaseError(f"made at {statement.made_at}, which lies {statement.made_at - now} s ahead; {CLOCK_SKEW_S} s are allowed")
    return statement
