"""What data sets refuse to read is refused here too; the kinds of files stand in test_picture_files.py."""

import io

import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data.picture_checks import FORMATS, decoded_size
from tests.data.test_picture_files import DEEP_FILES, OTHER_FORMATS


def saved(image, form="PNG", **more):
    buffer = io.BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def test_the_size_is_that_of_the_upright_image():
    assert decoded_size(saved(Image.new("RGB", (5, 3))), "a") == (5, 3)
    turned = Image.Exif()
    turned[274] = 6  # by 90 degrees
    for form in ("PNG", "JPEG"):
        assert decoded_size(saved(Image.new("RGB", (5, 3)), form, exif=turned), "a") == (3, 5)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_an_image_that_was_cut_anywhere_is_refused_by_name(form):
    whole = saved(Image.effect_noise((40, 40), 60), form)
    assert decoded_size(whole, "a.file") == (40, 40)
    for cut in (0, 3, 40, len(whole) // 2):
        with pytest.raises(DataError, match=r"a\.file: wanted a readable image"):
            decoded_size(whole[:cut], "a.file")


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_a_format_that_no_name_says_is_refused_whatever_pillow_knows(name):
    with pytest.raises(DataError, match=r"a\.png: wanted a readable image, got UnidentifiedImageError"):
        decoded_size(OTHER_FORMATS[name], "a.png")


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_a_name_says_is_read(form):
    assert decoded_size(saved(Image.new("RGB", (5, 3)), form), "a") == (5, 3)


@pytest.mark.parametrize("name", DEEP_FILES)
def test_more_than_eight_bits_are_refused(name):
    with pytest.raises(DataError, match="wanted 8 bits per channel"):
        decoded_size(DEEP_FILES[name], name)
