"""The coordinators of a consortium: who may sign its roster, and how many of them it takes."""

from dataclasses import dataclass, replace

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.entity_name import entity_name
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.signatures import check_signatures
from dpm_flower.payload.signing_keys import VerifyingKeys

MAX_COORDINATORS = 7
MAX_THRESHOLD = 4  # a majority of seven; when all change at once, 4 old and 4 new with two keys each fill an envelope's 16 signatures

_COORDINATOR_KEYS = frozenset({"name", "signing"})


@dataclass(frozen=True, slots=True)
class Coordinator:
    """Somebody who may sign rosters: the name of their card, and its keys. Raises ReleaseError for what is no entity's name."""

    name: str
    keys: VerifyingKeys

    def __post_init__(self) -> None:
        entity_name(self.name)


@dataclass(frozen=True, slots=True)
class Quorum:
    """Coordinators in the order of their names, and how many of them must sign.

    Raises ReleaseError for names out of order or twice, for a key that two of them share, since it would count twice, and for a
    threshold that cannot be reached. Source: the threshold of a role, The Update Framework's specification, 4.3.
    """

    coordinators: tuple[Coordinator, ...]
    threshold: int

    def __post_init__(self) -> None:
        rules.count(len(self.coordinators), "the number of coordinators", 1, MAX_COORDINATORS)
        names = [coordinator.name for coordinator in self.coordinators]
        if names != sorted(set(names)):
            raise ReleaseError(f"coordinators must have different names, in order, got {rules.shown(names)}")
        keyids = [keyid for coordinator in self.coordinators for keyid in coordinator.keys.keyids]
        if len(set(keyids)) != len(keyids):
            raise ReleaseError(f"each coordinator must have keys of its own, got one key under two of {', '.join(names)}")
        rules.count(self.threshold, "the threshold", 1, min(len(names), MAX_THRESHOLD))

    def signers(self, envelope: Envelope) -> tuple[str, ...]:
        """An envelope -> the coordinators of whom it carries all signatures, each exactly once; signatures of others are passed over.

        Raises ReleaseError if a coordinator's signatures are there in part, twice, or do not hold.
        """
        return tuple(coordinator.name for coordinator in self.coordinators if _signed(envelope, coordinator))

    def check(self, envelope: Envelope, whose: str) -> None:
        """Raises ReleaseError unless as many of them signed as it takes; `whose` says in the message which coordinators these are."""
        signers = self.signers(envelope)
        if len(signers) < self.threshold:
            names = ", ".join(coordinator.name for coordinator in self.coordinators)
            raise ReleaseError(
                f"wanted the signatures of {self.threshold} of {whose} ({names}), got {len(signers)}: {', '.join(signers) or 'none'}"
            )

    def to_plain(self) -> dict[str, object]:
        """The quorum -> the values of `coordinators` and `threshold` in TOML and JSON."""
        return {"coordinators": [_plain(coordinator) for coordinator in self.coordinators], "threshold": self.threshold}

    @classmethod
    def from_plain(cls, fields: Fields) -> "Quorum":
        """Fields that have `coordinators` and `threshold` among them -> the quorum. Raises ReleaseError with the place."""
        claims = fields.array("coordinators")
        rules.count(len(claims), "the number of coordinators", 1, MAX_COORDINATORS)
        coordinators = tuple(_coordinator(claim, f"coordinators[{place}]") for place, claim in enumerate(claims))
        return cls(coordinators, fields.integer("threshold"))


def _plain(coordinator: Coordinator) -> dict[str, object]:
    return {"name": coordinator.name, "signing": coordinator.keys.to_plain()}


def _coordinator(claim: object, place: str) -> Coordinator:
    try:
        fields = Fields(claim, "the entry", _COORDINATOR_KEYS)
        return Coordinator(fields.text("name"), VerifyingKeys.from_plain(fields.array("signing")))
    except ReleaseError as err:
        raise ReleaseError(f"{place}: {err}") from err


def _signed(envelope: Envelope, coordinator: Coordinator) -> bool:
    theirs = tuple(signature for signature in envelope.signatures if signature.keyid in coordinator.keys.keyids)
    if not theirs:
        return False
    try:
        check_signatures(replace(envelope, signatures=theirs), coordinator.keys)
    except ReleaseError as err:
        raise ReleaseError(f"coordinator {coordinator.name}: {err}") from err
    return True
