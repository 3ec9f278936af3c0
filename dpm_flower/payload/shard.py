"""A shard: one named piece of a release's data, and the entry by which a manifest vouches for it."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from dpm_flower.payload import rules
from dpm_flower.payload.compression import Compression, compression

MAX_SHARD_BYTES = 1 << 30  # a shard is held in memory whole; 1 GiB is what the smallest machine can spare


@dataclass(frozen=True)
class Shard:
    """Bytes under a name, as they are stored; digest (SHA-256, hexadecimal) and size follow from them.

    `content_bytes` is how many there were before compression and encryption; 0 stands for as many as are stored.
    """

    name: str
    data: bytes = field(repr=False)
    compression: Compression = "none"
    content_bytes: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "content_bytes", self.content_bytes or len(self.data))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the stored bytes, hexadecimal; taken when it is asked for, since a reader has checked it while streaming."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def size_bytes(self) -> int:
        """How many bytes the shard has, as it is stored."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """What a manifest says of one shard: digest and size are those of the stored bytes, `content_bytes` is how many they stand for.

    Raises ReleaseError for unsafe names, absurd sizes, digests that are none and unknown compressions.
    """

    name: str
    sha256: str
    size_bytes: int
    compression: Compression = "none"
    content_bytes: int = 0  # 0 stands for as many as are stored

    def __post_init__(self) -> None:
        rules.name(self.name, "a shard's name")
        rules.sha256(self.sha256, f"the digest of shard {self.name}")
        rules.count(self.size_bytes, f"the size of shard {self.name}", 1, MAX_SHARD_BYTES)
        rules.count(self.content_bytes, f"the content size of shard {self.name}", 0, MAX_SHARD_BYTES)
        compression(self.compression)
        object.__setattr__(self, "content_bytes", self.content_bytes or self.size_bytes)

    @classmethod
    def of(cls, shard: Shard) -> "ShardEntry":
        """A shard -> its entry."""
        return cls(shard.name, shard.digest, shard.size_bytes, shard.compression, shard.content_bytes)
