import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.decryptor import Decryptor
from dpm_flower.nets.encryption import Shuffling
from dpm_flower.nets.pevit import VitSize

IMAGES = torch.rand(3, 3, 12, 12, generator=stream(0))


def build(*, ordered, spread=0.3, **knobs):
    with global_generator_from(stream(0, "decryptor")):
        network = Decryptor(**({"side": 12, "patch": 4, "ordered": ordered, "size": VitSize(12, 2, 3)} | knobs))
        torch.nn.init.normal_(network.drawing.weight, std=spread)
    return network.eval()


def test_guesses_are_images():
    for ordered in (True, False):
        with torch.no_grad():
            guesses = build(ordered=ordered)(IMAGES)
        assert guesses.shape == IMAGES.shape
        assert 0 <= float(guesses.min()) < float(guesses.max()) <= 1


def test_where_the_order_was_not_kept_it_tells_nothing():
    with torch.no_grad():
        shuffled = Shuffling(patch=4)(IMAGES, stream(1))
        torch.testing.assert_close(build(ordered=False)(shuffled), build(ordered=False)(IMAGES))
        assert float((build(ordered=True)(shuffled) - build(ordered=True)(IMAGES)).abs().max()) > 0.1


def test_before_it_has_learnt_anything_it_draws_nothing():
    with torch.no_grad():
        torch.testing.assert_close(build(ordered=True, spread=0.0)(IMAGES), IMAGES)


def test_knobs_and_images_that_cannot_be_are_refused():
    with pytest.raises(SettingError, match="got 'huge'"):
        build(ordered=True, size="huge")
    with pytest.raises(SettingError, match="got patches of 5"):
        build(ordered=True, patch=5)
    with pytest.raises(ShapeError, match=r"wanted images \(B, 3, 12, 12\), got \(3, 3, 12, 8\)"):
        build(ordered=True)(IMAGES[..., :8])
