"""What a ciphertext belongs to: one release of one sender, and within it one shard or one recipient; as bytes to bind it to."""

from dataclasses import dataclass

from dpm_flower.core.canonical_json import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The name of one release. What was encrypted under one binding opens under no other, so that nothing can be moved."""

    sender: str
    campaign: str
    sequence: int

    def shard(self, position: int) -> bytes:
        """A shard's place in the manifest, from 0 -> the associated data of its ciphertext."""
        return canonical({**self._plain("shard"), "position": position})

    def recipient(self, name: str) -> bytes:
        """A recipient's name -> the `info` under which the release's key is wrapped for it."""
        return canonical({**self._plain("key"), "recipient": name})

    def _plain(self, of: str) -> dict[str, object]:
        return {"dpm-flower": of, "sender": self.sender, "campaign": self.campaign, "sequence": self.sequence}
