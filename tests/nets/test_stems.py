import copy

import pytest
import torch
from torch import nn
from torchvision.transforms import functional as transforms

from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets import stems
from dpm_flower.nets.standardised import DEVIATION, MEAN
from tests.nets.narrow import narrow_densenet, narrow_resnext, narrow_vgg

FAMILIES = {
    "resnet": (narrow_resnext, stems.resnet),
    "densenet": (narrow_densenet, stems.densenet),
    "vgg": (narrow_vgg, stems.vgg),
}
SMALL = {
    "resnet": (narrow_resnext, stems.small_resnet, "layer1", "conv1.weight"),
    "densenet": (narrow_densenet, stems.small_densenet, "features.denseblock1", "features.conv0.weight"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_does_with_images_what_torchvision_s_does_with_standardised_ones(family: str) -> None:
    make, stem = FAMILIES[family]
    with global_generator_from(stream(0)):
        theirs = make().eval()
    ours = copy.deepcopy(theirs)
    stem(ours)
    images = torch.rand(2, 3, 32, 32, generator=stream(1))
    assert torch.equal(ours.eval()(images), theirs(transforms.normalize(images, list(MEAN), list(DEVIATION))))
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("family", SMALL)
def test_a_small_stem_keeps_the_resolution_and_changes_one_tensor(family: str) -> None:
    make, stem, first_block, changed = SMALL[family]
    plain, small = make(), make()
    stem(small)
    sides = []
    small.get_submodule(first_block).register_forward_hook(lambda _m, _i, out: sides.append(tuple(out.shape[2:])))
    assert small.eval()(torch.rand(1, 3, 28, 28)).shape == (1, 4)
    assert sides == [(28, 28)]
    shapes = {key: tensor.shape for key, tensor in plain.state_dict().items()}
    differing = [key for key, tensor in small.state_dict().items() if tensor.shape != shapes[key]]
    assert differing == [changed]
    assert list(small.state_dict()) == list(shapes)


def test_a_small_stem_s_weights_are_he_s() -> None:
    network = nn.Module()
    network.conv1, network.maxpool = nn.Conv2d(3, 512, 7), nn.MaxPool2d(2)
    with global_generator_from(stream(0)):
        stems.small_resnet(network)
    assert network.conv1.weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.03)
