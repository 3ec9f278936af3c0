"""A shard: one named piece of a release's data, and the entry by which a manifest vouches for it."""

import hashlib
from dataclasses import dataclass, field

from dpm_flower.payload import rules

MAX_SHARD_BYTES = 1 << 30  # a shard is held in memory whole; 1 GiB is what the smallest machine can spare


@dataclass(frozen=True, slots=True)
class Shard:
    """Bytes under a name; digest (SHA-256, hexadecimal) and size follow from them."""

    name: str
    data: bytes = field(repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.data).hexdigest())

    @property
    def size_bytes(self) -> int:
        """How many bytes the shard has."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """What a manifest says of one shard. Raises ReleaseError for unsafe names, absurd sizes and digests that are none."""

    name: str
    sha256: str
    size_bytes: int

    def __post_init__(self) -> None:
        rules.name(self.name, "a shard's name")
        rules.sha256(self.sha256, f"the digest of shard {self.name}")
        rules.count(self.size_bytes, f"the size of shard {self.name}", 1, MAX_SHARD_BYTES)

    @classmethod
    def of(cls, shard: Shard) -> "ShardEntry":
        """A shard -> its entry."""
        return cls(shard.name, shard.digest, shard.size_bytes)
