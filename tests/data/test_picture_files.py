import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import picture_files
from dpm_flower.data.picture_files import images_from_files, upright_rgb


def write(path, seed=0, size=(12, 12)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def read(paths, side=12):
    return np.concatenate(list(images_from_files([str(path) for path in paths], side)))


def test_pixels_come_back_exactly_and_in_order_whatever_the_pieces_and_tasks(tmp_path, monkeypatch):
    pixels = np.stack([write(tmp_path / f"{number}.png", number) for number in range(9)])
    paths = [tmp_path / f"{number}.png" for number in range(9)]
    assert np.array_equal(read(paths).transpose(0, 2, 3, 1), pixels)
    monkeypatch.setattr(picture_files, "PIECE_IMAGES", 4)
    monkeypatch.setattr(picture_files, "TASK_IMAGES", 3)
    assert [len(piece) for piece in images_from_files([str(path) for path in paths], 12)] == [4, 4, 1]
    assert np.array_equal(read(paths).transpose(0, 2, 3, 1), pixels)


@pytest.mark.parametrize("size", [(24, 40), (40, 24), (12, 30)])
def test_the_centre_square_is_resized(tmp_path, size):
    pixels, edge = write(tmp_path / "a.png", 5, size), min(size)
    top, left = (size[0] - edge) // 2, (size[1] - edge) // 2
    cut = Image.fromarray(pixels[top : top + edge, left : left + edge])
    expected = np.asarray(cut.resize((12, 12), Image.Resampling.LANCZOS))
    assert np.array_equal(read([tmp_path / "a.png"])[0].transpose(1, 2, 0), expected)


def test_grey_and_transparent_images_are_read(tmp_path):
    Image.new("L", (12, 12), 51).save(tmp_path / "0.png")
    Image.new("RGBA", (12, 12), (255, 0, 51, 9)).save(tmp_path / "1.png")
    images = read([tmp_path / "0.png", tmp_path / "1.png"])
    assert np.unique(images[0]).tolist() == [51]
    assert images[1, :, 0, 0].tolist() == [255, 0, 51]


@pytest.mark.parametrize("name", ["turned.png", "turned.jpg"])
def test_an_image_stands_as_the_camera_was_held(tmp_path, name):
    turned = Image.new("RGB", (16, 16))
    turned.paste((255, 255, 255), (0, 0, 16, 8))  # upper half white; the camera says: turn by 180 degrees
    exif = Image.Exif()
    exif[274] = 3
    turned.save(tmp_path / name, exif=exif)
    turned.save(tmp_path / f"plain-{name}")
    upright, plain = read([tmp_path / name, tmp_path / f"plain-{name}"], side=16)
    assert upright[:, :7].max() < 30 < 225 < upright[:, 9:].min()
    assert plain[:, 9:].max() < 30 < 225 < plain[:, :7].min()


@pytest.mark.parametrize("name", ["0.png", "0.jpg"])
def test_an_unreadable_image_is_refused_by_name(tmp_path, name):
    path = tmp_path / name
    write(path, 0, size=(40, 40))
    whole = path.read_bytes()
    for content in (b"", b"no image", whole[:40], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="wanted a readable image") as refusal:
            read([path])
        assert str(path) in str(refusal.value)


def other_formats():
    """Contents that Pillow has plugins for and no name speaks of: a texture that it cannot decode, and PostScript, which it would run."""
    # size, flags, height, width, pitch, depth, mipmaps, 11 reserved, then of the pixels: size, flags for a code, a code that nobody knows
    texture = b"DDS " + struct.pack("<7I44x2I4s5I4I4x", 124, 0x1007, 12, 12, 0, 0, 0, 32, 4, b"NONE", 0, 0, 0, 0, 0, 0x1000, 0, 0, 0)
    return {"dds": texture, "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 12 12\n%%EndComments\nshowpage\n%%EOF\n"}


OTHER_FORMATS = other_formats()


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_a_format_that_no_name_says_is_refused_by_name(tmp_path, name):
    (tmp_path / "a.png").write_bytes(OTHER_FORMATS[name])
    with pytest.raises(DataError, match=r"a\.png: wanted a readable image"):
        read([tmp_path / "a.png"])


SIXTEEN = np.full((12, 12, 3), 40_000, ">u2")


def sixteen_bit_png():
    """A PNG with 16 bits for each of three colours, written by hand: Pillow reads such files and writes none."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in SIXTEEN)
    header = struct.pack(">IIBBBBB", 12, 12, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sixteen_bit_tiff():
    """The same as an uncompressed TIFF: eight tags, then three times "16 bits", then the pixels."""
    after = 8 + 2 + 9 * 12 + 4
    tags = [(256, 12), (257, 12), (258, after), (259, 1), (262, 2), (273, after + 6), (277, 3), (278, 12), (279, SIXTEEN.nbytes)]
    entries = b"".join(
        struct.pack(">HHII", tag, 4, 1, value) if tag != 258 else struct.pack(">HHII", tag, 3, 3, value) for tag, value in tags
    )
    return b"MM\0*" + struct.pack(">IH", 8, 9) + entries + bytes(4) + struct.pack(">HHH", 16, 16, 16) + SIXTEEN.tobytes()


DEEP_FILES = {
    "colours.png": sixteen_bit_png(),
    "colours.tif": sixteen_bit_tiff(),
    "raw.ppm": b"P6 12 12 65535\n" + SIXTEEN.tobytes(),
    "plain.ppm": b"P3 12 12 1023\n" + b"900 " * 432,
}


@pytest.mark.parametrize("name", DEEP_FILES)
def test_sixteen_bits_per_colour_are_refused_and_not_cut(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DEEP_FILES[name])
    with Image.open(path) as opened:
        assert opened.convert("RGB").getpixel((0, 0))[0] in (156, 224)  # Pillow reads it, and cuts
    with pytest.raises(DataError, match="wanted 8 bits per channel, got Pillow's mode RGB"):
        read([path])


def test_few_bits_per_colour_are_read(tmp_path):
    (tmp_path / "0.ppm").write_bytes(b"P6 12 12 100\n" + b"\x64" * 432)
    Image.fromarray(np.full((12, 12, 3), 200, np.uint8)).save(tmp_path / "1.bmp")
    rows = struct.pack("<H", 0b11111_000000_00000) * 144  # 5, 6 and 5 bits: 16 for a whole pixel
    about = struct.pack("<IiiHHIIiiII", 40, 12, 12, 1, 16, 3, len(rows), 0, 0, 0, 0) + struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    header = b"BM" + struct.pack("<IHHI", 66 + len(rows), 0, 0, 66) + about
    (tmp_path / "2.bmp").write_bytes(header + rows)
    assert [image[:, 0, 0].tolist() for image in read([tmp_path / name for name in ("0.ppm", "1.bmp", "2.bmp")])] == [
        [255, 255, 255],
        [200, 200, 200],
        [255, 0, 0],
    ]


def test_sixteen_bits_of_grey_are_refused(tmp_path):
    Image.fromarray(np.full((12, 12), 40_000, np.uint16)).save(tmp_path / "0.png")
    with pytest.raises(DataError, match="8 bits per channel, got Pillow's mode I;16"):
        read([tmp_path / "0.png"])


def test_the_whole_picture_is_upright_and_in_rgb(tmp_path):
    turned = Image.new("L", (20, 10), 9)
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    turned.save(tmp_path / "turned.jpg", exif=exif)
    whole = upright_rgb(str(tmp_path / "turned.jpg"))
    assert (whole.size, whole.mode) == ((10, 20), "RGB")
    with pytest.raises(DataError, match=r"none\.png: wanted a readable image"):
        upright_rgb(str(tmp_path / "none.png"))
