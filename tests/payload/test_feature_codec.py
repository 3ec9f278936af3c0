import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload.feature_codec import Coded, coded, decoded, most_coded_bytes, pictures_of
from dpm_flower.payload.quantised import bounds_of

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float32, SHAPES, elements=st.floats(-6e4, 6e4, width=32)), st.sampled_from(["webp", "webp-5bit", "avif-100"]))
def test_a_lossless_codec_loses_no_more_than_half_a_step_within_the_clipped_range(values, codec):
    came = decoded(coded(values, codec), len(values), values.shape[1:], codec)
    bounds, levels = bounds_of(values), 32 if codec.endswith("5bit") else 256
    low, high = (ends.astype(np.float64)[:, None, None] for ends in (bounds.low, bounds.high))
    rounding = 1e-6 * np.maximum(np.abs(low), np.abs(high))
    assert came.shape == values.shape
    assert bool((np.abs(came - np.clip(values, low, high)) <= (high - low) / (levels - 1) / 2 * (1 + 1e-6) + rounding).all())


def smooth(samples=12, channels=8, side=16):
    rng = np.random.default_rng(0)
    ramps = np.add.outer(np.arange(side), np.arange(side)) * rng.random((samples, channels, 1, 1))
    return ramps.astype(np.float32)


def test_a_lower_quality_takes_fewer_bytes_and_loses_more():
    values, sizes, errors = smooth(), [], []
    for codec in ("avif-5", "avif-40", "avif-80"):
        one = coded(values, codec)
        sizes.append(sum(map(len, one.pictures)))
        errors.append(float(np.square(decoded(one, len(values), values.shape[1:], codec) - values).mean()))
    assert sizes == sorted(set(sizes))
    assert errors == sorted(set(errors), reverse=True)


@pytest.mark.parametrize("codec", ["avif-40", "webp"])
def test_samples_in_one_picture_take_fewer_bytes_than_each_in_its_own(codec):
    values = np.maximum(np.random.default_rng(0).standard_normal((12, 4, 8, 8), np.float32), 0)
    together, apart = coded(values, codec), [coded(one[None], codec) for one in values]
    assert len(together.pictures) == 1
    assert len(together.pictures[0]) < sum(len(one.pictures[0]) for one in apart)


def test_as_many_pictures_as_it_takes():
    values = np.zeros((3, 2, 1100, 1030), np.float32)
    values[:] = np.arange(6).reshape(3, 2, 1, 1)
    one = coded(values, "webp")
    assert len(one.pictures) == len(pictures_of(3, values.shape[1:])) == 6
    assert np.allclose(decoded(one, 3, values.shape[1:], "webp"), values, atol=1e-2)


def test_no_values_take_more_bytes_than_is_foretold():
    for shape in ((1, 1, 1, 1), (2, 3, 1, 7), (40, 16, 8, 8)):
        noise = np.random.default_rng(0).random(shape, np.float32)
        for codec in ("webp", "avif-100"):
            assert sum(map(len, coded(noise, codec).pictures)) + 16 * shape[1] <= most_coded_bytes(shape[0], shape[1:]) + 8 * shape[1]


@pytest.mark.parametrize("codec", ["webp", "avif-40"])
def test_other_pictures_than_the_samples_take_are_refused(codec):
    values = smooth()
    good = coded(values, codec)
    for samples, pictures, said in (
        (12, [], "wanted 1 pictures of 12 samples, got 0"),
        (12, [*good.pictures, *good.pictures], "got 2"),
        (10**4, good.pictures, "wanted 5 pictures of 10000 samples, got 1"),
        (30, good.pictures, "wanted a picture of"),
        (12, [b"\0" * 40], "wanted"),
    ):
        with pytest.raises(ReleaseError, match=said):
            decoded(Coded(good.bounds, pictures), samples, values.shape[1:], codec)


def test_an_unknown_codec_is_refused():
    with pytest.raises(SettingError, match="a codec is"):
        coded(smooth(), "jpeg-90")
