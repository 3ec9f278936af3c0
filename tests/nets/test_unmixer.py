import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.encryption import Mixing, mixed
from dpm_flower.nets.patches import cut
from dpm_flower.nets.unmixer import Unmixer, as_features

IMAGES = torch.rand(3, 3, 12, 12, generator=stream(0))
RELEASED = Mixing(patch=6)(IMAGES, stream(0))


def build(patch=6):
    with global_generator_from(stream(0)):
        return Unmixer(12, patch).eval()


def test_before_it_has_learnt_anything_it_shows_what_was_released():
    with torch.no_grad():
        torch.testing.assert_close(build()(RELEASED), RELEASED)


def test_what_it_draws_comes_on_top_and_guesses_are_images():
    network = build()
    torch.nn.init.normal_(network.drawing.full_resolution[-1].weight, std=5.0)
    with torch.no_grad():
        guesses = network(RELEASED)
        drawn = 2 * network.drawing(network.widened(as_features(RELEASED, 6))) - 1
    torch.testing.assert_close(guesses, (RELEASED + drawn).clamp(0, 1))
    assert float((guesses - RELEASED).abs().max()) > 0.1


def test_the_mildest_mixing_meets_no_weaker_network():
    channels = [build(patch).drawing.features[0] for patch in (2, 4, 6, 12)]  # a mixed patch has 3, 12, 27 and 108 values
    assert channels == [48, 48, 48, 108]
    assert torch.equal(build(2)(RELEASED), RELEASED)


def test_a_mixed_patch_is_one_place_of_a_feature_map():
    features = as_features(RELEASED, 6)
    assert features.shape == (3, 27, 2, 2)
    patches = cut(mixed(IMAGES, 6), 3)
    for place in range(4):
        assert torch.equal(features[:, :, place // 2, place % 2], patches[:, place].flatten(1))


def test_what_cannot_be_cut_so_is_refused():
    for patch, reason in ((5, "even number of pixels, got 5"), (8, "fill a side of 12 pixels exactly")):
        with pytest.raises(SettingError, match=reason):
            build(patch)
    with pytest.raises(ShapeError, match=r"wanted images \(B, 3, 12, 12\), got \(3, 3, 12, 6\)"):
        build()(RELEASED[..., :6])
