"""Lossless WebP pictures from outside: the plain form only, whose own header says how large they are.

Source: WebP container specification; WebP lossless bitstream specification, section 3.
"""

from dpm_flower.core.errors import ReleaseError

_HEADER_BYTES = 25
_SIGNATURE = 0x2F


def check_webp(data: bytes, shape: tuple[int, int]) -> None:
    """Raises ReleaseError unless it is one lossless still picture of that height and width, by its own header, and nothing else."""
    plain = len(data) >= _HEADER_BYTES and data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8L" and data[20] == _SIGNATURE
    size = int.from_bytes(data[16:20], "little") if plain else 0  # of the one chunk, which is padded to an even length
    if not plain or int.from_bytes(data[4:8], "little") != len(data) - 8 or size + size % 2 != len(data) - 20:
        raise ReleaseError("wanted a picture in the plain form of lossless WebP, got another")
    bits = int.from_bytes(data[21:25], "little")
    came = ((bits >> 14) & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if came != shape:
        raise ReleaseError(f"wanted a picture of {shape[0]} x {shape[1]} pixels, got one of {came[0]} x {came[1]}")
