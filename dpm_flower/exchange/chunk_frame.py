"""A chunk of a shard <-> its message, by hand: protobuf's library copies the bytes twice on each side, a third of a transfer's work.

What is written is a FetchChunk as any protobuf library reads it, and what any writes is read.
Source: protobuf.dev/programming-guides/encoding.
"""

from dpm_flower.exchange.exchange_pb2 import FetchChunk
from dpm_flower.exchange.messages import parsed

DATA_TAG = FetchChunk.DATA_FIELD_NUMBER << 3 | 2  # 2: a length and so many bytes
_MORE = 0x80  # in a byte of a length: another one follows
_LONGEST = 5  # bytes of a length, which has 35 bits then


def framed(data: bytes, size_bytes: int | None = None) -> bytes:
    """A chunk, and the whole shard's size where it is to be told -> the message."""
    first = b"" if size_bytes is None else FetchChunk(size_bytes=size_bytes).SerializeToString()
    return b"".join((first, bytes((DATA_TAG,)), _length(len(data)), data))


def unframed(message: bytes) -> tuple[bytes, int]:
    """A message -> the chunk, and the size that it tells, 0 for none. Raises PeerError for what is no FetchChunk."""
    if message[:1] == bytes((DATA_TAG,)):
        size = 0
        for place, byte in enumerate(message[1 : 1 + _LONGEST]):
            size |= (byte & ~_MORE) << 7 * place
            if not byte & _MORE:
                start = place + 2
                if start + size == len(message):  # nothing but the chunk
                    return message[start:], 0
                break
    chunk = parsed(FetchChunk, message)
    return chunk.data, chunk.size_bytes


def _length(size: int) -> bytes:
    found = bytearray()
    while size >= _MORE:
        found.append(size & ~_MORE & 0xFF | _MORE)
        size >>= 7
    found.append(size)
    return bytes(found)
