import pytest
import torch
from torch.nn import functional

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.unet import UNet
from dpm_flower.training import segmentation
from dpm_flower.training.segmentation import segmentation_loss, segmented, train_segmenter
from tests.training.toys import CPU

SIDE = 16
RNG = stream(0, "segmentation tests")
BLOBS = functional.interpolate(torch.rand(30, 1, 4, 4, generator=RNG), size=(SIDE, SIDE), mode="bilinear")
MASKS = (BLOBS > 0.6).to(torch.uint8)
IMAGES = (0.5 + 0.3 * MASKS - 0.1 + 0.2 * torch.rand(30, 3, SIDE, SIDE, generator=RNG)).clamp(0, 1)
FITTING = Fitting(steps=40, learning_rate=2e-2, batch_size=8)


def trained(**knobs):
    rng = stream(0, "segmenter")
    with global_generator_from(rng):
        segmenter = UNet(3, 1, width=4, depth=1)
    train_segmenter(segmenter, IMAGES[:20], MASKS[:20], FITTING, compute=CPU, rng=rng, **knobs)
    return segmenter


@pytest.mark.parametrize("dice", [0.0, 1.0])
def test_it_finds_masks_in_pictures_that_it_has_not_seen(dice):
    said = segmented(trained(dice=dice), IMAGES[20:], CPU)
    assert said.shape == (10, 1, SIDE, SIDE)
    assert float(((said > 0.5) == MASKS[20:].bool()).double().mean()) > 0.9


def test_pictures_are_turned_with_their_masks(monkeypatch):
    laid = trained()
    monkeypatch.setattr(segmentation, "turned", lambda pair, rng: pair)
    as_they_are = trained()
    assert not torch.equal(segmented(as_they_are, IMAGES, CPU), segmented(laid, IMAGES, CPU))


def test_dice_is_nothing_where_all_is_right_and_one_where_nothing_is():
    masks = MASKS[:4].float()
    sure = (masks * 2 - 1) * 40
    assert float(segmentation_loss(sure, masks, 1.0)) == pytest.approx(0.0, abs=1e-4)
    wrong, entropy = segmentation_loss(-sure, masks, 1.0), segmentation_loss(-sure, masks)
    assert float(wrong - entropy) == pytest.approx(1.0, abs=0.01)


def test_a_negative_weight_is_refused():
    with pytest.raises(SettingError, match="dice must be >= 0"):
        trained(dice=-1.0)
