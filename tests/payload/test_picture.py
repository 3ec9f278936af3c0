from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dpm_flower.core.codec_name import codec_of
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import picture
from dpm_flower.payload.avif_still import container
from dpm_flower.payload.picture import coded_picture, decoded_picture, most_bytes

WEBP, AVIF, LOSSLESS = codec_of("webp"), codec_of("avif-50"), codec_of("avif-100")
NOISE = np.random.default_rng(0).integers(0, 256, (40, 56), np.uint8)
SMOOTH = (np.add.outer(np.arange(40), np.arange(56)) * 2).astype(np.uint8)


@pytest.mark.parametrize("codec", [WEBP, LOSSLESS], ids=["webp", "avif-100"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (40, 56), (257, 129)])
def test_lossless_pictures_come_back_exactly(codec, shape):
    grey = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert np.array_equal(decoded_picture(coded_picture(grey, codec), shape, codec), grey)


def test_quality_is_a_knob():
    sizes, errors = [], []
    for name in ("avif-10", "avif-50", "avif-90"):
        data = coded_picture(SMOOTH, codec_of(name))
        came = decoded_picture(data, SMOOTH.shape, codec_of(name))
        sizes.append(len(data))
        errors.append(float(np.square(came - SMOOTH.astype(float)).mean()))
    assert sizes == sorted(set(sizes))
    assert errors == sorted(set(errors), reverse=True)


@pytest.mark.parametrize("codec", [WEBP, AVIF], ids=["webp", "avif"])
def test_the_same_picture_has_the_same_bytes_and_noise_takes_no_more_than_is_foretold(codec):
    large = np.random.default_rng(2).integers(0, 256, (256, 256), np.uint8)
    first = coded_picture(large, codec)
    assert coded_picture(large.copy(), codec) == first
    assert len(coded_picture(large, LOSSLESS)) <= most_bytes(large.shape)
    assert len(first) <= most_bytes(large.shape)
    assert len(coded_picture(NOISE[:1, :1], LOSSLESS)) <= most_bytes((1, 1))


def test_the_bitstream_in_our_container_is_a_file_that_others_read_as_they_read_the_codecs_own():
    file = BytesIO()
    Image.fromarray(SMOOTH).save(file, "AVIF", quality=50, subsampling="4:0:0", max_threads=1, advanced={"tune": "psnr"})
    ours = container(coded_picture(SMOOTH, AVIF), SMOOTH.shape)
    own, other = (np.asarray(Image.open(BytesIO(data)).convert("L")) for data in (file.getvalue(), ours))
    assert np.array_equal(own, other)


def refuse_to_decode(*args, **kwargs):
    raise AssertionError("it was given to a decoder")


@pytest.mark.parametrize("codec", [WEBP, AVIF], ids=["webp", "avif"])
@pytest.mark.parametrize("shape", [(1024, 1024), (40, 57), (41, 56)])
def test_a_picture_of_another_size_is_refused_before_it_is_decoded(codec, shape, monkeypatch):
    bomb = coded_picture(np.zeros(shape, np.uint8), codec)
    monkeypatch.setattr(picture.Image, "open", refuse_to_decode)
    with pytest.raises(ReleaseError, match=rf"wanted a picture of 40 x 56 pixels, got one of {shape[0]} x {shape[1]}"):
        decoded_picture(bomb, (40, 56), codec)


GOOD = coded_picture(SMOOTH, AVIF)
BOMB = coded_picture(np.zeros((1024, 1024), np.uint8), AVIF)


def units(data):
    """An AV1 bitstream -> its units, header and all."""
    found, at = [], 0
    while at < len(data):
        size, end, place = 0, at + 1, 0
        while True:
            size |= (data[end] & 0x7F) << (7 * place)
            end, place = end + 1, place + 1
            if not data[end - 1] & 0x80:
                break
        found.append(data[at : end + size])
        at = end + size
    return found


DELIMITER, SEQUENCE, FRAME = units(GOOD)


def saved(kind, image=None, **knobs):
    file = BytesIO()
    (image or Image.fromarray(SMOOTH)).save(file, kind, **knobs)
    return file.getvalue()


@pytest.mark.parametrize(
    ("codec", "data", "said"),
    [
        (AVIF, b"", "one header and one frame"),
        (AVIF, GOOD[:-1], "cut short"),
        (AVIF, GOOD + b"\x12", "cut short"),
        (AVIF, SEQUENCE, "one header and one frame"),
        (AVIF, DELIMITER + SEQUENCE + units(BOMB)[1] + FRAME, "one header and one frame"),
        (AVIF, GOOD + units(BOMB)[1] + units(BOMB)[2], "one header and one frame"),
        (AVIF, GOOD + FRAME, "one header and one frame"),
        (AVIF, DELIMITER + bytes([SEQUENCE[0] & ~2]) + SEQUENCE[1:] + FRAME, "how long they are"),
        (AVIF, DELIMITER + SEQUENCE[:2] + bytes([SEQUENCE[2] & ~8]) + SEQUENCE[3:] + FRAME, "still picture"),
        (AVIF, saved("AVIF"), "AV1"),
        (AVIF, DELIMITER + bytes([SEQUENCE[0], 3]) + SEQUENCE[2:5] + FRAME, "cut short"),
        (AVIF, DELIMITER + bytes([SEQUENCE[0], 1]) + SEQUENCE[2:3] + FRAME, "still picture"),
        (AVIF, DELIMITER + b"\x0a\xff\xff\xff\xff\xff\xff", "too long"),
        (AVIF, DELIMITER + SEQUENCE + bytes([FRAME[0], 4]) + b"\xff" * 4, "does not decode as avif"),
        (WEBP, b"", "plain form"),
        (WEBP, GOOD, "plain form"),
        (WEBP, saved("WEBP", quality=50), "plain form"),
        (WEBP, saved("WEBP", lossless=True, exif=b"Exif\0\0x"), "plain form"),
        (WEBP, saved("WEBP", lossless=True)[:-2], "plain form"),
        (WEBP, saved("WEBP", lossless=True) + b"\0\0", "plain form"),
        (WEBP, saved("PNG"), "plain form"),
        (WEBP, saved("WEBP", lossless=True)[:25] + bytes(len(saved("WEBP", lossless=True)) - 25), "does not decode as webp"),
    ],
    ids=lambda value: "data" if isinstance(value, bytes) else None,  # they are another encoder's with another version of it
)
def test_what_is_not_one_plain_still_picture_is_refused(codec, data, said):
    with pytest.raises(ReleaseError, match=said):
        decoded_picture(data, SMOOTH.shape, codec)


@pytest.mark.parametrize("codec", [WEBP, AVIF], ids=["webp", "avif"])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_is_refused_or_changes_values_only(codec, data):
    good = coded_picture(SMOOTH, codec)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=6)) + good[at + data.draw(st.integers(0, 6)) :]
    try:
        came = decoded_picture(changed, SMOOTH.shape, codec)
    except ReleaseError:
        return
    assert came.shape == SMOOTH.shape
    assert came.dtype == np.uint8
