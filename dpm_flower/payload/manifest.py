"""The manifest: what one release is, without anything private. It is the text that gets signed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import released_spec, rules, sealing
from dpm_flower.payload.binding import Binding
from dpm_flower.payload.compression import compression
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.released_spec import Kind, ReleasedSpec
from dpm_flower.payload.sealing import Encryption
from dpm_flower.payload.shard import ShardEntry

VERSION = 2
PAYLOAD_TYPE = "application/vnd.dpm-flower.manifest+json"
MAX_MANIFEST_BYTES = 4 << 20  # 16,384 shards take about 3 MiB, the keys of 100 recipients 0.2
MAX_SHARDS = 1 << 14  # 1 TiB in shards of 64 MiB
MAX_RECIPIENTS = 1024
MAX_AUDIT_SCORES = 256
MAX_CLASSES = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One release of one sender. Counts and digests only: nothing of any single image, no paths, no weights.

    (sender, campaign, sequence) names the release for good. `recipients` empty means all. Times are whole seconds since
    1970 UTC. `audit` holds the scores of the sender's own attacks, for example ``{"A0.ssim_p": 0.07}``; `audit_log_head` is the
    last hash of the sender's audit log when it made the release, empty if it keeps none. With encryption, `wrapped_keys` holds the
    release's key for each recipient, and for the sender if it wants to read its own; `key_commitment` makes it one key for all.
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
    audit_log_head: str = ""
    encryption: Encryption = "none"
    key_commitment: str = ""
    wrapped_keys: Mapping[str, bytes] = field(default_factory=dict, hash=False, repr=False)
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
        if self.audit_log_head:
            rules.sha256(self.audit_log_head, "audit_log_head")
        sealing.check(self.encryption, self.key_commitment, self.wrapped_keys, self.sender, self.recipients)
        for entry in self.shards:
            sealing.check_sizes(entry, self.encryption)
        object.__setattr__(self, "audit", MappingProxyType(scores))  # the caller's mapping may change; what is signed may not
        object.__setattr__(self, "wrapped_keys", MappingProxyType(dict(self.wrapped_keys)))

    @property
    def kind(self) -> Kind:
        """``features``, ``images``, ``boxed-features`` or ``masked-images``."""
        return released_spec.kind_of(self.spec)

    @property
    def binding(self) -> Binding:
        """The release's name, to which its ciphertexts are bound."""
        return Binding(sender=self.sender, campaign=self.campaign, sequence=self.sequence)

    @property
    def size_bytes(self) -> int:
        """All shards together, as they are stored."""
        return sum(entry.size_bytes for entry in self.shards)

    def to_bytes(self) -> bytes:
        """The manifest -> canonical JSON. Raises ReleaseError if that is more than a reader takes."""
        plain = {key: getattr(self, key) for key in _KEYS if key not in ("kind", "spec", "shards", "audit", "wrapped_keys")}
        shards = [{key: getattr(entry, key) for key in _SHARD_KEYS} for entry in self.shards]
        structured = {
            "kind": self.kind,
            "spec": released_spec.to_plain(self.spec),
            "shards": shards,
            "audit": dict(self.audit),
            "wrapped_keys": sealing.keys_to_plain(self.wrapped_keys),
        }
        data = canonical(plain | structured)
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
            audit_log_head=fields.text("audit_log_head"),
            encryption=sealing.encryption(fields.text("encryption")),
            key_commitment=fields.text("key_commitment"),
            wrapped_keys=sealing.keys_from_plain(fields.texts_by_name("wrapped_keys")),
        )
        if manifest.to_bytes() != data:
            raise ReleaseError("a manifest must be in canonical form: sorted keys, ASCII, no spaces")
        return manifest


_KEYS = frozenset(Manifest.__dataclass_fields__) | {"kind"}
_SHARD_KEYS = frozenset(ShardEntry.__dataclass_fields__)


def _entry(item: object) -> ShardEntry:
    fields = Fields(item, "a shard's entry", _SHARD_KEYS)
    return ShardEntry(
        name=fields.text("name"),
        sha256=fields.text("sha256"),
        size_bytes=fields.integer("size_bytes"),
        compression=compression(fields.text("compression")),
        content_bytes=fields.integer("content_bytes"),
    )


def _check_distinct(names: list[str], what: str, least: int, most: int) -> None:
    rules.count(len(names), f"the number of {what}", least, most)
    if len(set(names)) != len(names):
        raise ReleaseError(f"{what} must have different names, got {rules.shown(names)}")
