"""The manifest: what one release is, without anything private. It is the text that gets signed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import released_spec, rules
from dpm_flower.payload.fields import Fields, canonical
from dpm_flower.payload.released_spec import Kind, ReleasedSpec
from dpm_flower.payload.shard import ShardEntry

VERSION = 1
PAYLOAD_TYPE = "application/vnd.dpm-flower.manifest+json"
MAX_MANIFEST_BYTES = 4 << 20  # 16,384 shards take about 3 MiB
MAX_SHARDS = 1 << 14  # 1 TiB in shards of 64 MiB
MAX_RECIPIENTS = 1024
MAX_AUDIT_SCORES = 256
MAX_CLASSES = 1 << 24

_SHARD_KEYS = frozenset({"name", "sha256", "size_bytes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One release of one sender. Counts and digests only: nothing of any single image, no paths, no weights.

    (sender, campaign, sequence) names the release for good. `recipients` empty means all. Times are whole seconds since
    1970 UTC. `audit` holds the scores of the sender's own attacks, for example ``{"A0.ssim_p": 0.07}``.
    Raises ReleaseError for any value that a reader would refuse, so that none can be made that cannot be read.
    """

    campaign: str
    round: int
    sequence: int
    sender: str
    method: str
    spec: ReleasedSpec
    classes: int
    samples: int
    shards: tuple[ShardEntry, ...]
    made_at: int
    expires_at: int
    recipients: tuple[str, ...] = ()
    audit: Mapping[str, float] = field(default_factory=dict, hash=False)
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ReleaseError(f"wanted a manifest of version {VERSION}, got {rules.shown(self.version)}")
        rules.name(self.campaign, "campaign")
        rules.name(self.sender, "sender")
        rules.text(self.method, "method")
        rules.count(self.round, "round")
        rules.count(self.sequence, "sequence")
        rules.count(self.classes, "classes", 1, MAX_CLASSES)
        rules.count(self.samples, "samples", 1)
        rules.count(self.made_at, "made_at")
        rules.count(self.expires_at, "expires_at")
        if self.expires_at <= self.made_at:
            raise ReleaseError(f"a release must expire after it was made at {self.made_at}, got {self.expires_at}")
        released_spec.check(self.spec)
        _check_distinct([rules.name(name, "a recipient") for name in self.recipients], "recipients", 0, MAX_RECIPIENTS)
        _check_distinct([entry.name for entry in self.shards], "shards", 1, MAX_SHARDS)
        rules.count(len(self.audit), "the number of audit scores", 0, MAX_AUDIT_SCORES)
        scores = {rules.text(name, "an audit score's name"): rules.finite(score, f"audit {name}") for name, score in self.audit.items()}
        object.__setattr__(self, "audit", MappingProxyType(scores))  # the caller's mapping may change; what is signed may not

    @property
    def kind(self) -> Kind:
        """``features`` or ``images``."""
        return released_spec.kind_of(self.spec)

    @property
    def size_bytes(self) -> int:
        """All shards together."""
        return sum(entry.size_bytes for entry in self.shards)

    def to_bytes(self) -> bytes:
        """The manifest -> canonical JSON. Raises ReleaseError if that is more than a reader takes."""
        plain = {key: getattr(self, key) for key in _KEYS if key not in ("kind", "spec", "shards", "audit")}
        shards = [{"name": entry.name, "sha256": entry.sha256, "size_bytes": entry.size_bytes} for entry in self.shards]
        spec = released_spec.to_plain(self.spec)
        data = canonical({**plain, "kind": self.kind, "spec": spec, "shards": shards, "audit": dict(self.audit)})
        if len(data) > MAX_MANIFEST_BYTES:
            raise ReleaseError(f"a manifest may take {MAX_MANIFEST_BYTES} bytes, got {len(data)}")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Bytes whose signature was checked before -> the manifest.

        Raises ReleaseError for anything but the canonical form of one valid manifest: one manifest, one byte string.
        """
        fields = Fields.parse(data, "a manifest", _KEYS, MAX_MANIFEST_BYTES)
        manifest = cls(
            version=fields.integer("version"),
            campaign=fields.text("campaign"),
            round=fields.integer("round"),
            sequence=fields.integer("sequence"),
            sender=fields.text("sender"),
            recipients=fields.texts("recipients"),
            method=fields.text("method"),
            spec=released_spec.from_plain(fields, fields.text("kind")),
            classes=fields.integer("classes"),
            samples=fields.integer("samples"),
            shards=tuple(_entry(item) for item in fields.array("shards")),
            made_at=fields.integer("made_at"),
            expires_at=fields.integer("expires_at"),
            audit=fields.floats("audit"),
        )
        if manifest.to_bytes() != data:
            raise ReleaseError("a manifest must be in canonical form: sorted keys, ASCII, no spaces")
        return manifest


_KEYS = frozenset(Manifest.__dataclass_fields__) | {"kind"}


def _entry(item: object) -> ShardEntry:
    fields = Fields(item, "a shard's entry", _SHARD_KEYS)
    return ShardEntry(fields.text("name"), fields.text("sha256"), fields.integer("size_bytes"))


def _check_distinct(names: list[str], what: str, least: int, most: int) -> None:
    rules.count(len(names), f"the number of {what}", least, most)
    if len(set(names)) != len(names):
        raise ReleaseError(f"{what} must have different names, got {rules.shown(names)}")
