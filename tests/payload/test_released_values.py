"""What leaves: its type, its range, and that a refusal speaks of the whole batch."""

import pytest
import torch

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload.released_values import released_features, released_images

FEATURES = torch.rand(5, 2, 3, 4, generator=torch.Generator().manual_seed(0))


def refusal(released, start, samples):
    with pytest.raises(ReleaseError) as refused:
        released.write(start, torch.empty((samples, *released.values.shape[1:]), dtype=released.dtype))
    return str(refused.value)


@pytest.mark.parametrize(("start", "samples"), [(0, 5), (1, 3), (4, 1)])
def test_the_samples_asked_for_are_written(start, samples):
    released = released_features(FEATURES, "float16")
    place = torch.empty(samples, 2, 3, 4, dtype=released.dtype)
    released.write(start, place)
    assert torch.equal(place, FEATURES[start : start + samples].half())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_features_may_reach_the_largest_number_of_their_type_before_rounding(sign):
    features = FEATURES.clone()
    features[3, 1, 2, 0] = sign * 65504
    released_features(features, "float16").write(0, torch.empty(features.shape, dtype=torch.float16))
    features[3, 1, 2, 0] = sign * 65505  # which would be rounded to 65504
    assert refusal(released_features(features, "float16"), 2, 2) == "features of float16 may reach 65504.0, got 65505.0"
    released_features(features, "float32").write(0, torch.empty(features.shape))


def test_numbers_beyond_float32_are_refused():
    said = refusal(released_features(FEATURES.double() - 1e39, "float32"), 0, 5)
    assert said == f"features of float32 may reach {torch.finfo(torch.float32).max}, got 1e+39"


@pytest.mark.parametrize("make", [lambda values: released_features(values, "float16"), released_images])
def test_values_that_are_not_finite_are_counted_in_the_whole_batch(make):
    values = FEATURES.clone()
    values[0, 0, 0, 0], values[4, 0, 0, 0], values[4, 1, 2, 3] = float("nan"), float("inf"), -float("inf")
    released = make(values)
    assert refusal(released, 4, 1) == f"{released.kind} must be finite, got 3 values that are not"
    released.write(1, torch.empty((3, 2, 3, 4), dtype=released.dtype))


def test_images_out_of_range_are_refused_with_the_range_of_the_batch():
    images = FEATURES.clone()
    images[0, 0, 0, 0], images[4, 0, 0, 0] = -1.0, 3.0
    assert refusal(released_images(images), 4, 1) == "images must lie in [0, 1], got a range from -1.0 to 3.0"


def test_bytes_stay_as_they_are():
    images = torch.arange(256).to(torch.uint8).reshape(1, 1, 16, 16)
    place = torch.empty_like(images)
    released_images(images).write(0, place)
    assert torch.equal(place, images)


def test_another_type_is_a_wrong_setting():
    with pytest.raises(SettingError, match="float16 or float32"):
        released_features(FEATURES, "bfloat16")
