from dataclasses import replace

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.weights import IMAGENET, UNTRAINED, check_weights
from tests.small_study import STUDY

PATHS = ("/models/resnet18.pth", "~/resnet18.safetensors", "/a folder/x.y.pth")
REFUSED = r'weights must be "" \(untrained\), "imagenet" or an absolute path .*, got'


@pytest.mark.parametrize("weights", [UNTRAINED, IMAGENET, *PATHS])
def test_nothing_imagenet_and_absolute_paths_are_weights_which_a_study_keeps_as_they_are_written(weights):
    assert replace(STUDY, weights=weights).weights == weights


@pytest.mark.parametrize("path", PATHS)
def test_it_is_where_a_path_begins_and_how_it_ends_that_makes_weights_of_it(path):
    """What each client would look for in its own folder, and what is no state dict by its name."""
    for weights in (path.lstrip("~/"), path.rpartition(".")[0], f"{path}.zip"):
        with pytest.raises(SettingError, match=REFUSED):
            check_weights(weights)


@pytest.mark.parametrize(
    "weights", ["ImageNet", "resnet18.pth", "./resnet18.pth", "~other.pth", "/models/resnet18.pt", "/models", " ", "."]
)
def test_other_names_are_refused(weights):
    with pytest.raises(SettingError, match=REFUSED):
        check_weights(weights)
