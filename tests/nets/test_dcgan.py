import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.dcgan import Discriminator, Generator


@pytest.mark.parametrize("side", [8, 12, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_have_the_side_that_was_asked_for(side, channels):
    images = Generator(side, channels=channels, noise=5, width=4)(torch.randn(3, 5)).detach()
    assert images.shape == (3, channels, side, side)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1
    assert Discriminator(side, channels=channels, width=4)(images).shape == (3,)


@pytest.mark.parametrize("side", [3, 9, 22, 41])
def test_a_side_that_no_doubling_reaches_is_refused(side):
    for network in (Generator, Discriminator):
        with pytest.raises(SettingError, match=f"a power of two, got {side}"):
            network(side)


@pytest.mark.parametrize("knobs", [{"width": 0}, {"channels": 0}, {"classes": -1}])
def test_knobs_that_cannot_work_are_refused(knobs):
    for network in (Generator, Discriminator):
        with pytest.raises(SettingError, match="at least"):
            network(8, **knobs)


def test_a_class_changes_what_is_made_and_how_it_is_judged():
    generator, discriminator = Generator(8, noise=5, width=4, classes=3).eval(), Discriminator(8, width=4, classes=3).eval()
    noise = torch.randn(1, 5).expand(2, -1)
    images = generator(noise, torch.tensor([0, 2]))
    assert not torch.allclose(images[0], images[1])
    scores = discriminator(images[:1].expand(2, -1, -1, -1), torch.tensor([0, 2]))
    assert float((scores[0] - scores[1]).abs()) > 1e-6


def test_noise_and_labels_that_do_not_fit_are_refused():
    with_classes, without = Generator(8, noise=5, width=4, classes=3), Generator(8, noise=5, width=4)
    for network, given in (
        (with_classes, (torch.randn(1, 5),)),
        (without, (torch.randn(1, 5), torch.tensor([0]))),
        (without, (torch.randn(1, 4),)),
    ):
        with pytest.raises(ShapeError, match=r"wanted noise \(B,5\)"):
            network(*given)


def test_there_is_no_fully_connected_layer_and_the_discriminator_cannot_run_away():
    generator, discriminator = Generator(16, width=4), Discriminator(16, width=4)
    assert not any(isinstance(layer, nn.Linear) for network in (generator, discriminator) for layer in network.modules())
    with torch.no_grad():
        for parameter in discriminator.parameters():
            if parameter.ndim > 1:
                parameter.mul_(1000.0)
    images = torch.rand(4, 3, 16, 16)
    assert float(discriminator(images).abs().max()) < 100
