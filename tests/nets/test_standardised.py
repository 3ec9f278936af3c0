import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms import functional as transforms

from dpm_flower.core.streams import stream
from dpm_flower.nets.standardised import DEVIATION, MEAN, StandardisedConv2d, standardised

IMAGES = torch.rand(2, 3, 9, 9, generator=stream(1))


@pytest.mark.parametrize(("side", "stride", "bias"), [(7, 2, False), (3, 1, True)])
def test_it_is_the_convolution_of_the_standardised_images(side: int, stride: int, bias: bool) -> None:
    plain = nn.Conv2d(3, 5, side, stride, padding=side // 2, bias=bias)
    first = standardised(plain)
    assert first.weight is plain.weight
    assert first.bias is plain.bias
    wanted = plain(transforms.normalize(IMAGES, list(MEAN), list(DEVIATION)))
    assert torch.equal(first(IMAGES), wanted)


def test_the_mean_colour_is_what_padding_looks_like() -> None:
    grey = torch.tensor(MEAN).view(1, 3, 1, 1).expand(1, 3, 6, 6)
    assert not standardised(nn.Conv2d(3, 5, 3, padding=1, bias=False))(grey).any()


def test_constants_are_no_part_of_the_state_and_go_where_the_weights_go() -> None:
    first = standardised(nn.Conv2d(3, 5, 3, padding=1))
    assert set(first.state_dict()) == {"weight", "bias"}
    double = copy.deepcopy(first).double()
    assert double(IMAGES.double()).dtype == torch.float64
    assert torch.allclose(double(IMAGES.double()), first(IMAGES).double(), atol=1e-5)


def test_a_new_one_has_the_channels_of_its_model_and_its_own_kernel() -> None:
    small = StandardisedConv2d(nn.Conv2d(3, 6, 7, 2, bias=False), 3, stride=1)
    assert small.weight.shape == (6, 3, 3, 3)
    assert small.bias is None
    assert small(IMAGES).shape == (2, 6, 9, 9)
    assert torch.equal(small(IMAGES), functional.conv2d(transforms.normalize(IMAGES, list(MEAN), list(DEVIATION)), small.weight, padding=1))
