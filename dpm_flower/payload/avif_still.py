"""Grey AVIF pictures without their container: a file as libavif writes it -> its AV1 bitstream, and a checked bitstream -> a file.

A bitstream that a peer sent is put into a container of our own making, and only its size in pixels is left to believe: an AV1 decoder
allocates what the sequence header says, whatever the container around it does. So there is one such header, and it is read first. The
container is left out of releases also because it takes 300 bytes a picture.
Sources: ISO/IEC 23008-12 and AV1 Image File Format 1.1 (boxes); AV1 specification, sections 5.3 to 5.5 (OBUs and sequence header).
"""

import struct

from dpm_flower.core.errors import ReleaseError

_DELIMITER, _SEQUENCE, _FRAME = 2, 1, 6  # OBU types; a still picture needs no others
_STILL = 0b00011  # profile 0, still picture with the reduced header
_COLOUR = bytes.fromhex("0001000d000680")  # colour: unspecified primaries, sRGB, BT.601 matrix, full range, as Pillow writes it
_AV1_GREY = bytes.fromhex("81001c00")  # av1C: profile 0, 8 bits, monochrome


def bitstream(avif: bytes) -> bytes:
    """A file of one picture as libavif writes it -> the AV1 bitstream in it."""
    at = 0
    while at < len(avif):
        size, kind = struct.unpack_from(">I4s", avif, at)
        if kind == b"mdat":
            return avif[at + 8 : at + size]
        at += size
    raise ReleaseError("wanted an AVIF file with a bitstream, got one without")


def container(obus: bytes, shape: tuple[int, int]) -> bytes:
    """A checked bitstream and its picture's height and width -> an AVIF file.

    Raises ReleaseError unless it is one grey still picture of that size, by its own header, and nothing else.
    """
    if (came := _shape(obus)) != shape:
        raise ReleaseError(f"wanted a picture of {shape[0]} x {shape[1]} pixels, got one of {came[0]} x {came[1]}")
    head = _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")
    start = len(head) + len(_meta(shape, 0, len(obus))) + 8
    return head + _meta(shape, start, len(obus)) + _box(b"mdat", obus)


def _shape(obus: bytes) -> tuple[int, int]:
    """The height and width in the only sequence header of a bitstream that is made of it and one frame."""
    kinds, header, at = [], b"", 0
    while at < len(obus):
        kinds.append(obus[at] >> 3)
        if obus[at] & 0b111 != 0b010:  # no extension, its own size, nothing reserved
            raise ReleaseError("wanted a bitstream of AV1 units that say how long they are, got another")
        size, at = _leb128(obus, at + 1)
        if at + size > len(obus):
            raise ReleaseError("an AV1 bitstream is cut short")
        header = obus[at : at + size] if kinds[-1] == _SEQUENCE else header
        at += size
    if kinds not in ([_DELIMITER, _SEQUENCE, _FRAME], [_SEQUENCE, _FRAME]):
        raise ReleaseError(f"wanted an AV1 bitstream of one header and one frame, got units of the types {kinds[:8]}")
    return _sequence_shape(header)


def _sequence_shape(header: bytes) -> tuple[int, int]:
    bits = "".join(f"{byte:08b}" for byte in header[:16])  # what is read of it is at most 50 bits
    if len(bits) < 18 or int(bits[:5], 2) != _STILL:
        raise ReleaseError("wanted the header of a still picture in AV1, got another")
    wide, high = int(bits[10:14], 2) + 1, int(bits[14:18], 2) + 1  # after five bits of level
    if len(bits) < 18 + wide + high:
        raise ReleaseError("the header of a picture in AV1 is cut short")
    return int(bits[18 + wide : 18 + wide + high], 2) + 1, int(bits[18 : 18 + wide], 2) + 1


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length and where it begins -> the number, and where it ends."""
    value = 0
    for place in range(4):  # 28 bits: a unit of 256 MiB
        if at >= len(data):
            raise ReleaseError("an AV1 bitstream is cut short")
        value |= (data[at] & 0x7F) << (7 * place)
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ReleaseError("an AV1 unit is too long")


def _meta(shape: tuple[int, int], start: int, size: int) -> bytes:
    """What the file says of its one item, whose bitstream lies at `start`."""
    properties = b"".join(
        (
            _box(b"ispe", bytes(4) + struct.pack(">II", shape[1], shape[0])),
            _box(b"pixi", bytes(4) + b"\x01\x08"),
            _box(b"av1C", _AV1_GREY),
            _box(b"colr", b"nclx" + _COLOUR),
        )
    )
    association = struct.pack(">IIHB4B", 0, 1, 1, 4, 1, 2, 0x83, 4)  # item 1 has all four, and a reader must know the third
    return _box(
        b"meta",
        bytes(4)
        + _box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        + _box(b"pitm", bytes(4) + b"\x00\x01")
        + _box(b"iloc", bytes(4) + b"\x44\x00" + struct.pack(">HHHHII", 1, 1, 0, 1, start, size))
        + _box(b"iinf", bytes(4) + b"\x00\x01" + _box(b"infe", b"\x02\x00\x00\x00" + b"\x00\x01\x00\x00" + b"av01" + b"\x00"))
        + _box(b"iprp", _box(b"ipco", properties) + _box(b"ipma", association)),
    )


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
