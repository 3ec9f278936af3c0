from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.feature_spec import FeatureSpec

SPEC = FeatureSpec(backbone="resnet20", hook="conv3_1", shape=(4, 3, 2), featurizer_digest="ab" * 32, non_negative=True)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 1), (4, 0, 2), (4, 3, -2)])
def test_a_shape_that_no_feature_map_has_is_refused(shape):
    with pytest.raises(SettingError, match="three positive numbers"):
        replace(SPEC, shape=shape)


def test_a_type_that_is_not_released_is_refused():
    with pytest.raises(SettingError, match="float16 or float32, got bfloat16"):
        replace(SPEC, dtype="bfloat16")


def test_a_codec_that_nobody_knows_is_refused():
    assert replace(SPEC, codec="avif-60").codec == "avif-60"
    with pytest.raises(SettingError, match="a codec is"):
        replace(SPEC, codec="gif")


def test_channels_that_no_picture_has_room_for_are_refused_with_a_codec_only():
    replace(SPEC, shape=(1, 4096, 1))
    with pytest.raises(SettingError, match="at most 2048 x 2048"):
        replace(SPEC, shape=(1, 4096, 1), codec="webp")


def test_features_of_this_shape_pass_in_any_number():
    for batch in (0, 1, 5):
        features = torch.zeros(batch, 4, 3, 2)
        SPEC.check(features)
        with pytest.raises(ShapeError):
            SPEC.check(features.mT)  # the same numbers, turned


@pytest.mark.parametrize("shape", [(5, 4, 2, 3), (4, 3, 2), (5, 4, 3, 2, 1), (5, 3, 3, 2)])
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"wanted features of shape \(B, 4, 3, 2\)"):
        SPEC.check(torch.zeros(shape))
