import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.backbones import build_backbone
from dpm_flower.nets.depths import at_depths
from dpm_flower.nets.split import split
from tests.training.cells import SIZE, detection_nets

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
SHAPES = {
    ("resnet20", "conv3_1"): [(16, 32, 32), (32, 16, 16)],
    ("resnet18-small", "conv4_1"): [(64, 32, 32), (128, 16, 16), (256, 8, 8)],
    ("resnet18-small", "conv4_2"): [(64, 32, 32), (128, 16, 16), (256, 8, 8), (256, 8, 8)],
    ("vgg11-small", "features.8"): [(64, 32, 32), (128, 16, 16), (256, 8, 8), (256, 8, 8)],
    ("densenet121-small", "features.transition1"): [(256, 32, 32), (128, 16, 16)],
}


def featurizer_of(name, hook):
    return split(build_backbone(name, 4, torch.Generator().manual_seed(0)), hook, 32)[0].eval()


@pytest.mark.parametrize(("name", "hook"), SHAPES)
@torch.no_grad()
def test_each_size_has_its_last_rectified_features_and_the_output_comes_last(name, hook):
    featurizer = featurizer_of(name, hook)
    before = {key: value.clone() for key, value in featurizer.state_dict().items()}
    *earlier, last = found = at_depths(featurizer, 32)(IMAGES)
    assert [tuple(one.shape[1:]) for one in found] == SHAPES[name, hook]
    assert torch.equal(last, featurizer(IMAGES))
    for features in earlier:
        assert float(features.min()) == 0
        assert float(features.max()) > 0
    assert all(torch.equal(before[key], value) for key, value in featurizer.state_dict().items())
    assert not featurizer.training


@torch.no_grad()
def test_the_features_are_what_the_modules_make_of_the_image():
    featurizer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3))
    found = at_depths(featurizer, 32)(IMAGES)
    assert len(found) == 3
    for features, calls in zip(found, (4, 5, 6), strict=True):
        assert torch.equal(features, featurizer[:calls](IMAGES))


@torch.no_grad()
def test_features_that_are_written_over_later_are_not_taken():
    featurizer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Hardtanh(0.1, 0.2, inplace=True), nn.Conv2d(4, 2, 3, 2))
    (output,) = at_depths(featurizer, 32)(IMAGES)
    assert torch.equal(output, featurizer(IMAGES))


def test_images_that_the_network_cannot_read_are_refused():
    with pytest.raises(SettingError, match=r"reads \(B,3,2,2\) images"):
        at_depths(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), 2)


@torch.no_grad()
def test_a_detector_s_featurizer_sees_images_as_it_prepares_them():
    featurizer, images = detection_nets().featurizer, torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    *earlier, last = at_depths(featurizer, *SIZE)(images)
    assert [tuple(one.shape[-2:]) for one in earlier] == [SIZE, (SIZE[0] // 2, SIZE[1] // 2)][: len(earlier)]
    assert torch.equal(last, featurizer(images))
