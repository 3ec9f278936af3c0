"""What a release holds, as its recipient reads it: stored shards -> shards as the codec made them, one after the other."""

from collections.abc import Iterable, Iterator
from io import BytesIO

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.boxed_codec import largest_boxed_shard
from dpm_flower.payload.codec import largest_shard
from dpm_flower.payload.compression import decompressed
from dpm_flower.payload.confidential import open_shard
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.masked_codec import largest_masked_shard
from dpm_flower.payload.released_spec import BoxedSpec, MaskedSpec, ReleasedSpec
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import VerifiedRelease


def content(release: VerifiedRelease, shards: Iterable[Shard]) -> Iterator[Shard]:
    """A verified release and its stored shards, in the manifest's order and of its digests -> decrypted and decompressed.

    Memory holds one shard. Raises ReleaseError, naming the shard, for content that does not open, that is not as large as the
    manifest says, or that is larger than the release's samples can be.
    """
    manifest = release.manifest
    limit = _largest(manifest.spec, manifest.samples)
    for position, (entry, shard) in enumerate(zip(manifest.shards, shards, strict=True)):
        if entry.content_bytes > limit:
            raise ReleaseError(f"shard {entry.name}: {manifest.samples} samples take at most {limit} bytes, got {entry.content_bytes}")
        if manifest.encryption == "none" and entry.compression == "none":
            yield shard
            continue
        try:
            yield Shard(entry.name, _opened(shard.data, manifest, entry, position, release.key))
        except ReleaseError as err:
            raise ReleaseError(f"shard {entry.name}: {err}") from err


def _largest(spec: ReleasedSpec, samples: int) -> int:
    if isinstance(spec, BoxedSpec):
        return largest_boxed_shard(spec, samples)
    return largest_masked_shard(spec, samples) if isinstance(spec, MaskedSpec) else largest_shard(spec, samples)


def _opened(stored: bytes, manifest: Manifest, entry: ShardEntry, position: int, key: bytes) -> bytes:
    chunks: Iterable[bytes] = [stored]
    if manifest.encryption != "none":
        chunks = open_shard(chunks, key, manifest.binding, position)
    if entry.compression == "zstd":
        chunks = decompressed(chunks, entry.content_bytes)
    whole = BytesIO()  # grows as the content comes: what is claimed takes no memory, and the end is no second copy
    for chunk in chunks:
        whole.write(chunk)
    return whole.getvalue()
