import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.weights import check_weights


@pytest.mark.parametrize("weights", ["", "imagenet", "/models/resnet18.pth", "~/resnet18.safetensors", "/a folder/x.y.pth"])
def test_nothing_imagenet_and_absolute_paths_are_weights(weights):
    check_weights(weights)


@pytest.mark.parametrize(
    "weights", ["ImageNet", "resnet18.pth", "./resnet18.pth", "~other.pth", "/models/resnet18.pt", "/models", " ", "."]
)
def test_other_names_are_refused(weights):
    with pytest.raises(SettingError, match=r'weights must be "" \(untrained\), "imagenet" or an absolute path .*, got'):
        check_weights(weights)
