import pytest
import torch

from dpm_flower.core.shared import ModelUpdate, SharedFeatures
from dpm_flower.core.unpaired import images_behind, is_unpaired
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.raw_features import RawFeatures

LABELS = torch.tensor([2, 0, 1, 0, 2])
ONE_CLASS = SharedFeatures(torch.zeros(2, 4, 6, 6), torch.tensor([2, 2]))


@pytest.mark.parametrize(
    ("method", "unpaired", "batch", "behind"),
    [
        (RawFeatures(), False, ONE_CLASS, [0, 1, 2, 3, 4]),
        (DrawnFeatures(), True, ONE_CLASS, [0, 4]),
        (DrawnFeatures(), True, ModelUpdate({}, 5), [0, 1, 2, 3, 4]),
    ],
    ids=["paired", "unpaired", "update"],
)
def test_behind_a_release_are_all_own_images_or_if_made_up_those_of_its_classes(method, unpaired, batch, behind):
    assert is_unpaired(method) is unpaired
    assert images_behind(method, LABELS, batch).tolist() == behind
