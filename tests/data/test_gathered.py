import pytest
import torch

from dpm_flower.core.labelled import Labelled
from dpm_flower.data.gathered import Gathered
from dpm_flower.data.partition_pieces import piece
from tests.data.made import known_of, number_of, numbered_set, with_attributes

SOURCE = numbered_set([10, 10, 10], [1, 1, 1]).train
CLASSES = torch.tensor([0, 2])
OWN = (SOURCE.labels != 1).nonzero().flatten().flip(0)


class Looked:
    """Images that count how often somebody takes some of them."""

    def __init__(self):
        self.taken = []

    def __getitem__(self, indices):
        self.taken.append(len(indices))
        return SOURCE.images[indices]


@pytest.fixture
def images():
    return Looked()


@pytest.fixture
def gathered(images):
    source = Labelled(SOURCE.images, SOURCE.labels, SOURCE.classes)
    object.__setattr__(source, "images", images)
    return Gathered(source, OWN, CLASSES)


def test_it_is_what_a_piece_is(gathered):
    expected = piece(SOURCE, OWN, CLASSES)
    assert isinstance(gathered, Labelled)
    assert torch.equal(gathered.images, expected.images)
    assert torch.equal(gathered.labels, expected.labels)
    assert (gathered.classes, len(gathered)) == (expected.classes, len(expected)) == (2, 20)


def test_images_are_gathered_at_the_first_look_and_then_are_the_same(gathered, images):
    assert (len(gathered), gathered.classes, len(gathered.labels)) == (20, 2, 20)
    assert images.taken == []
    assert gathered.images is gathered.images
    assert images.taken == [20]


def test_taking_some_gathers_no_others(gathered, images):
    some = gathered.take(torch.tensor([3, 0]))
    assert number_of(some.images) == OWN[[3, 0]].tolist()
    assert torch.equal(some.labels, gathered.labels[[3, 0]])
    assert images.taken == [2]


def test_nobody_can_set_its_fields(gathered):
    for name in ("images", "labels", "classes", "attributes"):
        with pytest.raises(AttributeError):
            setattr(gathered, name, None)


def test_attributes_are_there_at_once_and_belong_to_their_images(images):
    source = with_attributes(numbered_set([10, 10, 10], [1, 1, 1])).train
    object.__setattr__(source, "images", images)
    gathered = Gathered(source, OWN, CLASSES)
    assert torch.equal(gathered.attributes, known_of(OWN))
    assert images.taken == []
    assert torch.equal(gathered.take(torch.tensor([3, 0])).attributes, known_of(OWN[[3, 0]]))
