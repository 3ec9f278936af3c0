import re

import pytest

from dpm_flower.core.codec_name import CODEC_NAME, Codec, codec_of
from dpm_flower.core.errors import SettingError


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("webp", Codec("webp", 100, 8)),
        ("webp-5bit", Codec("webp", 100, 5)),
        ("avif-0", Codec("avif", 0, 8)),
        ("avif-60", Codec("avif", 60, 8)),
        ("avif-100-2bit", Codec("avif", 100, 2)),
    ],
)
def test_a_name_says_kind_quality_and_bits(name, codec):
    assert codec_of(name) == codec
    assert re.fullmatch(CODEC_NAME, name)


def test_so_many_bits_are_so_many_levels():
    assert [codec_of(name).levels for name in ("webp-2bit", "webp-7bit", "webp")] == [4, 128, 256]


@pytest.mark.parametrize(
    "name",
    ["", "avif", "webp-60", "avif-101", "avif-060", "avif--1", "avif-60-8bit", "webp-1bit", "AVIF-60", "jpeg-60", "webp\n", "avif-٦٠"],
)
def test_any_other_name_is_refused(name):
    with pytest.raises(SettingError, match="a codec is"):
        codec_of(name)
    assert not re.fullmatch(CODEC_NAME, name)
