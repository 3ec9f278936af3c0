"""Compression: a shard -> the same content in fewer bytes where that wins, and back, with a hard limit on what comes out.

Source: RFC 8878 (Zstandard).
"""

from collections.abc import Iterable, Iterator
from typing import IO, Literal, TypeAlias, cast, get_args

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown

Compression: TypeAlias = Literal["none", "zstd"]

COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
LEVEL = 1  # the fastest; on rectified float16 features level 3 takes twice the time for one per cent
WORTH = 0.97  # what saves less than 3 % is not worth the reader's time
TRIAL_BYTES = 1 << 20  # coded features hardly compress: that is seen on the first MiB
CHUNK_BYTES = 1 << 20
WINDOW_BYTES = 8 << 20  # what every reader should be able to hold, says RFC 8878; a frame that asks for more is refused


def compression(text: str) -> Compression:
    """What a manifest says -> the compression of that name. Raises ReleaseError for an unknown one."""
    for known in COMPRESSIONS:
        if text == known:
            return known
    raise ReleaseError(f"the compression of a shard must be {' or '.join(COMPRESSIONS)}, got {shown(text)}")


def compressed(content: bytes) -> bytes | None:
    """Content -> one frame of Zstandard, the same one for the same content; None where that saves less than 3 %."""
    trial = memoryview(content)[:TRIAL_BYTES]
    frame = _frame(trial)
    if len(frame) > WORTH * len(trial):
        return None
    if len(trial) < len(content):
        frame = _frame(content)
    return frame if len(frame) <= WORTH * len(content) else None


def decompressed(chunks: Iterable[bytes], content_bytes: int) -> Iterator[bytes]:
    """Frames in chunks and how large the content must be -> the content in chunks; holds a few of them, whatever is claimed.

    Raises ReleaseError for what is not Zstandard, as soon as there is more content than that, and at the end for less.
    """
    source = cast(IO[bytes], _Chunks(chunks))  # all that is called of it is read
    reader = ZstdDecompressor(max_window_size=WINDOW_BYTES).stream_reader(source, read_across_frames=True)
    came = 0
    try:
        while piece := reader.read(min(CHUNK_BYTES, content_bytes - came + 1)):
            came += len(piece)
            if came > content_bytes:
                raise ReleaseError(f"wanted {content_bytes} bytes after decompression, got more")
            yield piece
    except ZstdError as err:
        raise ReleaseError(f"wanted content compressed with Zstandard: {err}") from err
    if came != content_bytes:
        raise ReleaseError(f"wanted {content_bytes} bytes after decompression, got {came}")


class _Chunks:
    """Chunks as a file to read from: the decompressor asks for its input piece by piece, and so its output stays bounded."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._rest = iter(chunks)
        self._held = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._held:
            chunk = next(self._rest, None)
            if chunk is None:
                return b""
            self._held = memoryview(chunk)
        piece, self._held = self._held[:size], self._held[size:]
        return bytes(piece)


def _frame(content: bytes | memoryview) -> bytes:
    return ZstdCompressor(level=LEVEL, write_checksum=False).compress(content)  # the manifest's digest vouches for the bytes
