"""What an envelope says of its release, as far as a pool looks at it: read without torch, and believed no more than any claim."""

import json
from dataclasses import dataclass

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.shard import ShardEntry

_SHARD_KEYS = frozenset({"name", "sha256", "size_bytes"})
MAX_SHARDS = 1 << 14  # as a manifest may have; that module needs torch, which a pool does without


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Part of a manifest. Times are seconds since 1970 UTC; no recipients means all.

    Raises ReleaseError for values that no manifest may have.
    """

    sender: str
    campaign: str
    sequence: int
    round: int
    method: str
    samples: int
    made_at: int
    expires_at: int
    recipients: tuple[str, ...]
    shards: tuple[ShardEntry, ...]

    def __post_init__(self) -> None:
        rules.name(self.sender, "sender")
        rules.name(self.campaign, "campaign")
        rules.text(self.method, "method")
        for what in ("sequence", "round", "samples", "made_at", "expires_at"):
            rules.count(getattr(self, what), what)
        for recipient in self.recipients:
            rules.name(recipient, "a recipient")
        rules.count(len(self.shards), "the number of shards", 1, MAX_SHARDS)

    @property
    def size_bytes(self) -> int:
        """All shards together."""
        return sum(entry.size_bytes for entry in self.shards)

    @classmethod
    def of(cls, envelope: Envelope) -> "Claim":
        """An envelope, verified or not -> what its payload says. Raises ReleaseError if it says nothing of the kind."""
        try:
            value = json.loads(envelope.payload.decode("utf-8"))
        except (ValueError, RecursionError) as err:
            raise ReleaseError(f"wanted a manifest in JSON: {err}") from err
        fields = _picked(value, "a manifest", _KEYS)
        return cls(
            sender=fields.text("sender"),
            campaign=fields.text("campaign"),
            sequence=fields.integer("sequence"),
            round=fields.integer("round"),
            method=fields.text("method"),
            samples=fields.integer("samples"),
            made_at=fields.integer("made_at"),
            expires_at=fields.integer("expires_at"),
            recipients=fields.texts("recipients"),
            shards=tuple(_entry(item) for item in fields.array("shards")),
        )


_KEYS = frozenset(Claim.__dataclass_fields__)


def _picked(value: object, what: str, keys: frozenset[str]) -> Fields:
    """The fields we know: a manifest says more than a pool asks, and what it says may grow."""
    return Fields({key: value[key] for key in keys & value.keys()} if isinstance(value, dict) else value, what, keys)


def _entry(item: object) -> ShardEntry:
    fields = _picked(item, "a shard's entry", _SHARD_KEYS)
    return ShardEntry(fields.text("name"), fields.text("sha256"), fields.integer("size_bytes"))
