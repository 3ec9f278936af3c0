import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.unet import UNet


def unet(**knobs):
    torch.manual_seed(0)
    return UNet(3, 2, width=4, depth=2, **knobs).eval()


def test_maps_have_the_size_of_any_picture_whose_sides_can_be_halved():
    network = unet()
    assert network(torch.rand(2, 3, 16, 24)).shape == (2, 2, 16, 24)
    for shape in ((1, 3, 18, 16), (1, 3, 16, 18), (1, 4, 16, 16)):
        with pytest.raises(ShapeError, match="multiples of 4, got"):
            network(torch.rand(shape))


def test_it_reads_a_picture_as_it_reads_the_patches_that_it_learnt_from():
    """Far from the rim, where padding is not seen."""
    network, picture = unet(), torch.rand(1, 3, 64, 64)
    whole, patch = network(picture), network(picture[..., 16:64, 16:64])
    torch.testing.assert_close(whole[..., 36:44, 36:44], patch[..., 20:28, 20:28])


def test_every_depth_reaches_the_output():
    network = unet()
    network(torch.rand(1, 3, 16, 16)).sum().backward()
    assert all(parameter.grad is not None and bool((parameter.grad != 0).any()) for parameter in network.parameters())


def test_units_lie_between_nothing_and_all():
    picture = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(unet(output="unit")(picture), torch.sigmoid(unet()(picture)))


@pytest.mark.parametrize("knobs", [{"width": 0}, {"depth": 0}, {"output": "softmax"}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="must be"):
        UNet(3, 1, **knobs)
