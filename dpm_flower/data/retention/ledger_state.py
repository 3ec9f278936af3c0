"""What a store holds, told by its ledger: entry after entry -> what came and has not gone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dpm_flower.core.errors import RetentionError
from dpm_flower.core.hash_chain import Details, Entry
from dpm_flower.data.retention.layout import DERIVED, ITEMS, Name

Event: TypeAlias = Literal[
    "policy",  # the time to live from now on
    "added",  # an image came
    "derived",  # room for something made of images was given
    "exporting",  # a copy of an image may have left the store; written before it does
    "ordered",  # it goes before its time, by order; written before it goes, so that whoever is killed has the order carried out
    "deleted",  # gone because its time was over, or by order; written after it went
    "lost",  # found gone before its time, not by this store's hand
    "not-deleted",  # its time is over, and the file system would not let it go
    "swept",  # what no entry told of was erased: what killed processes had begun
    "clock",  # the wall clock was found behind the highest time seen, or is right again
]


Part: TypeAlias = Literal["items", "derived"]


@dataclass(frozen=True, slots=True)
class Held:
    """One thing in the store: an image (`part` is "items") or a folder of something made of images ("derived")."""

    name: Name
    part: Part
    arrived_at: int
    digest: str  # keyed, of the content; of the sources' ids for what is derived
    labels_digest: str = ""

    @property
    def id(self) -> str:
        """Its random id."""
        return self.name.id

    @property
    def expires_at(self) -> int:
        """The second at which it goes."""
        return self.name.expires_at


@dataclass(slots=True)
class LedgerState:
    """What is held by id, how many images have ever come, and what the last entries said of policy, clock and key."""

    held: dict[str, Held] = field(default_factory=dict)
    added: int = 0
    policy: Details = field(default_factory=dict)
    behind_s: int = 0
    ordered: set[str] = field(default_factory=set)  # ids of what was ordered to go and has not gone yet
    stuck: dict[str, str] = field(default_factory=dict)  # id -> why it could not be deleted, as the ledger knows
    last_at: int = 0

    def apply(self, at: int, event: str, details: Details) -> None:
        """An entry -> the state after it. Raises RetentionError for an entry that no store writes."""
        self.last_at = max(self.last_at, at)
        try:
            if event in ("added", "derived"):
                self._came(event, details)
            elif event in ("deleted", "lost"):
                del self.held[str(details["id"])]
                self.stuck.pop(str(details["id"]), None)
                self.ordered.discard(str(details["id"]))
            elif event == "ordered":
                self.ordered.add(self.held[str(details["id"])].id)
            elif event == "not-deleted":
                self.stuck[str(details["id"])] = str(details["reason"])
            elif event == "policy":
                self.policy = details
            elif event == "clock":
                self.behind_s = int(details["behind_s"])
        except (KeyError, ValueError, TypeError) as err:
            raise RetentionError(f"the ledger does not fit together: {event} of {details.get('id')!r}") from err

    def due(self, now: int) -> list[Held]:
        """What has to go at a second, since it is over or ordered to go, the oldest first."""
        return sorted((held for held in self.held.values() if self.goes(held, now)), key=lambda held: (held.expires_at, held.id))

    def goes(self, held: Held, now: int) -> bool:
        """Whether a thing has to go at a second, so that nobody may have it."""
        return held.expires_at <= now or held.id in self.ordered

    def of_part(self, part: str) -> dict[str, Held]:
        """What is held in one of the two folders, by its name there."""
        return {str(held.name): held for held in self.held.values() if held.part == part}

    def _came(self, event: str, details: Details) -> None:
        item, expires_at = str(details["id"]), int(details["expires_at"])
        if item in self.held or Name.parse(str(Name(expires_at, item))) is None:
            raise ValueError(item)
        part: Part = DERIVED if event == "derived" else ITEMS
        arrived_at = int(details["arrived_at"])
        digest, labels = str(details["digest"]), str(details.get("labels_digest", ""))
        self.held[item] = Held(Name(expires_at, item), part, arrived_at, digest, labels)
        self.added += part == ITEMS


def replayed(entries: Iterable[Entry]) -> LedgerState:
    """A ledger's entries -> the state after the last one."""
    state = LedgerState()
    for entry in entries:
        state.apply(entry.at, entry.event, entry.details)
    return state
