from dataclasses import dataclass

import pytest
import torch

from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.unpaired import images_behind, is_unpaired

LABELS = torch.tensor([2, 0, 1, 0, 2])
EVERYBODY = [0, 1, 2, 3, 4]
FEWER = torch.tensor([0, 2])


@dataclass(frozen=True)
class Paired:
    name: str = "paired"

    def prepare(self, preparation):
        return None


@dataclass(frozen=True)
class MadeUp(Paired):
    unpaired: bool = True


def of_labels(labels):
    return SharedFeatures(torch.zeros(len(labels), 1, 2, 2), labels)


def test_a_method_is_unpaired_that_says_so():
    assert not is_unpaired(Paired())
    assert is_unpaired(MadeUp())


@pytest.mark.parametrize("batch", [of_labels(LABELS), of_labels(FEWER), SharedImages(torch.zeros(5, 3, 2, 2), LABELS)])
def test_a_paired_release_stands_for_all_images_whatever_its_labels_say(batch):
    assert images_behind(Paired(), LABELS, batch).tolist() == EVERYBODY


@pytest.mark.parametrize("method", [Paired(), MadeUp()])
def test_an_update_stands_for_all_images(method):
    assert images_behind(method, LABELS, ModelUpdate({}, 5)).tolist() == EVERYBODY


@pytest.mark.parametrize(
    ("labels", "behind"), [(FEWER, [0, 1, 3, 4]), (torch.tensor([1, 1, 1, 1]), [2]), (LABELS.flip(0), EVERYBODY), (LABELS[:0], [])]
)
def test_what_is_made_up_stands_for_the_images_of_its_classes_in_their_order(labels, behind):
    assert images_behind(MadeUp(), LABELS, of_labels(labels)).tolist() == behind
