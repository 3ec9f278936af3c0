import torch

from dpm_flower.data.partition_pieces import EntityIndices, EntityPieces, piece
from tests.data.made import number_of, numbered_set

SOURCE = numbered_set([10, 10, 10], [1, 1, 1]).train
CLASSES = torch.tensor([0, 2])
OWN = (SOURCE.labels != 1).nonzero().flatten()


def test_a_piece_has_the_images_and_counts_through_the_classes():
    found = piece(SOURCE, OWN[:7], CLASSES)
    assert number_of(found.images) == OWN[:7].tolist()
    assert [CLASSES[label] for label in found.labels.tolist()] == SOURCE.labels[OWN[:7]].tolist()
    assert found.classes == 2


def test_images_are_gathered_when_asked_for_and_not_kept():
    pieces = EntityPieces(SOURCE, CLASSES, {"b": EntityIndices(OWN[:5], OWN[5:8]), "a": EntityIndices(OWN[8:12], OWN[12:13])})
    assert (list(pieces), len(pieces), "a" in pieces, "c" in pieces) == (["b", "a"], 2, True, False)
    first, again = pieces["b"], pieces["b"]
    assert number_of(first.validation.images) == OWN[5:8].tolist()
    assert torch.equal(first.train.images, again.train.images)
    assert first.train.images.data_ptr() != again.train.images.data_ptr()
    assert {name: len(own.train) for name, own in pieces.items()} == {"b": 5, "a": 4}


def test_the_largest_but_one_s_own_is_gathered_when_somebody_looks_at_it():
    indices = {"b": EntityIndices(OWN[:5], OWN[5:8]), "a": EntityIndices(OWN[8:12], OWN[12:13]), "c": EntityIndices(OWN[13:17], OWN[17:18])}
    pieces = EntityPieces(SOURCE, CLASSES, indices)
    assert pieces.largest_but("a")._found is None  # images take memory, and most who open a task never look at others'
    assert number_of(pieces.largest_but("a").images) == OWN[:5].tolist()
    assert number_of(pieces.largest_but("b").images) == OWN[8:12].tolist()  # of equally large ones the first
    assert torch.equal(pieces.largest_but("a").labels, pieces["b"].train.labels)
    assert pieces.largest_but("a").classes == len(CLASSES)
    assert EntityPieces(SOURCE, CLASSES, {"b": indices["b"]}).largest_but("b") is None
