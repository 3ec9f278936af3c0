"""What an institution brings is divided without a common image, in the study's numbers, and the same way every time."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import DataError, PartitionError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import Shares
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.own_images import OwnImages, own_images
from tests.data.made import known_of, number_of, numbered_images, numbered_set, with_attributes
from tests.data.patients import hospital_set, seen_twice

STUDY_CLASSES = ("class 0", "class 1", "class 2")
PARTITION = Shares(entities=(("a", 0.5), ("b", 0.5)), validation=0.25)


def _own(
    dataset: DataSet, partition: Shares = PARTITION, entity: str = "a", seed: int = 0, classes: tuple[str, ...] = STUDY_CLASSES
) -> OwnImages:
    return own_images(dataset, classes, partition, entity, seed)


def _pieces(own: OwnImages) -> dict[str, list[int]]:
    return {name: number_of(getattr(own, name).images) for name in ("train", "validation", "test")}


def _without_test_part(dataset: DataSet, held_out_by: str = "") -> DataSet:
    return replace(dataset, held_out_by=held_out_by)


def _disjoint(pieces: dict[str, list[int]]) -> bool:
    everything = [number for piece in pieces.values() for number in piece]
    return len(set(everything)) == len(everything)


def test_a_test_part_is_what_the_entity_is_judged_on() -> None:
    pieces = _pieces(_own(numbered_set([20, 16, 24], [4, 3, 5])))
    assert pieces["test"] == list(range(60, 72))
    assert sorted(pieces["train"] + pieces["validation"]) == list(range(60))
    assert len(pieces["validation"]) == 15  # a quarter, as the study's partition says


def test_without_a_test_part_a_stratified_fifth_is_held_out_of_all_images() -> None:
    own = _own(_without_test_part(numbered_set([32, 16, 24], [8, 4, 6])))
    pieces = _pieces(own)
    assert _disjoint(pieces)
    assert sorted(number for piece in pieces.values() for number in piece) == list(range(90))
    assert torch.bincount(own.test.labels).tolist() == [8, 4, 6]
    assert len(pieces["validation"]) == 18


def test_the_test_images_are_one_set_for_all_seeds_and_another_for_another_entity() -> None:
    dataset = _without_test_part(numbered_set([32, 16, 24], [8, 4, 6]))
    first, again, seed, entity = _own(dataset), _own(dataset), _own(dataset, seed=1), _own(dataset, entity="b")
    assert _pieces(first) == _pieces(again)
    assert _pieces(seed)["test"] == _pieces(first)["test"] != _pieces(entity)["test"]
    assert set(_pieces(seed)["validation"]) != set(_pieces(first)["validation"])


@pytest.mark.parametrize("held_out_by", [None, ""])
def test_classes_are_numbered_as_in_the_study_and_some_may_be_lacking(held_out_by: str | None) -> None:
    dataset = replace(numbered_set([20, 30], [4, 6]), class_names=("class 2", "class 0"), held_out_by=held_out_by)
    own = _own(dataset)
    there = dict(zip(range(60), torch.cat((dataset.train.labels, dataset.test.labels)).tolist(), strict=True))
    for piece in (own.train, own.validation, own.test):
        assert piece.classes == 3
        assert piece.labels.tolist() == [{0: 2, 1: 0}[there[number]] for number in number_of(piece.images)]


def test_images_of_a_class_that_the_study_does_not_have_are_refused_with_both() -> None:
    dataset = replace(numbered_set([20, 30], [4, 6]), class_names=("class 1", "naevus"))
    with pytest.raises(DataError, match="wanted images of the study's classes, class 0, class 1, class 2, got also images of naevus"):
        _own(dataset)
    hidden = replace(numbered_set([20, 30, 0], [4, 6, 1]), class_names=("class 1", "class 0", "naevus"))
    with pytest.raises(DataError, match="naevus"):
        _own(hidden)


def test_a_strange_class_without_images_is_none() -> None:
    named_only = replace(numbered_set([20, 30, 0], [4, 6, 0]), class_names=("class 1", "class 0", "naevus"))
    assert set(_own(named_only).train.labels.tolist()) == {0, 1}


def _patients(dataset: DataSet, numbers: list[int]) -> set[str]:
    column = dataset.columns["patient"]
    return {(column.train + column.test)[number] for number in numbers}


@pytest.mark.parametrize(("together", "held_out_by"), [("patient", ""), ("patient", "patient"), ("", "patient")])
def test_a_patient_is_on_one_side_only(together: str, held_out_by: str) -> None:
    dataset = _without_test_part(hospital_set(), held_out_by)
    own = _pieces(_own(dataset, replace(PARTITION, together=together)))
    train, validation, test = (_patients(dataset, own[name]) for name in ("train", "validation", "test"))
    assert train
    assert validation
    assert test
    assert len(train | validation | test) == len(train) + len(validation) + len(test)
    assert sum(map(len, own.values())) == 264


def test_a_test_parts_patients_are_not_trained_on() -> None:
    dataset = seen_twice(hospital_set(), 3)
    own = _pieces(_own(dataset, replace(PARTITION, together="patient")))
    assert len(own["test"]) == 24
    assert not _patients(dataset, own["train"] + own["validation"]) & _patients(dataset, own["test"])


def test_where_the_source_does_not_know_patients_it_is_divided_image_by_image() -> None:
    dataset = _without_test_part(numbered_set([32, 16, 24], [8, 4, 6]))
    assert _pieces(_own(dataset, replace(PARTITION, together="patient"))) == _pieces(_own(dataset))


def test_an_image_that_is_there_twice_is_on_one_side_only() -> None:
    dataset = numbered_set([32, 16, 24], [8, 4, 6])
    test = Labelled(numbered_images(torch.arange(18)), dataset.test.labels, 3)  # copies of training images
    assert not set(_pieces(_own(replace(dataset, test=test)))["train"]) & set(range(18))
    pieces = _pieces(_own(_without_test_part(replace(dataset, test=test))))
    assert _disjoint(pieces)
    assert sum(map(len, pieces.values())) == 72


def test_too_few_images_are_refused() -> None:
    with pytest.raises(DataError, match="wanted at least 5 different images, one of them to hold out, got 4"):
        _own(_without_test_part(numbered_set([2, 1], [1, 0])))
    with pytest.raises(PartitionError, match="wanted at least 2 images to train on"):
        _own(numbered_set([1, 1], [1, 1]))
    one = replace(_without_test_part(hospital_set(patients=1)), columns={})
    alone = {"patient": replace(hospital_set().columns["patient"], train=("p",) * 240, test=("p",) * 24)}
    with pytest.raises(DataError, match="of at least 2 values of 'patient'"):
        _own(replace(one, columns=alone), replace(PARTITION, together="patient"))


@pytest.mark.parametrize("held_out_by", [None, ""])
def test_attributes_stay_with_their_images(held_out_by: str | None) -> None:
    dataset = replace(numbered_set([20, 16, 24], [4, 3, 5]), held_out_by=held_out_by)
    plain, known = _own(dataset), _own(with_attributes(dataset))
    assert (plain.attribute_names, known.attribute_names) == ((), ("odd", "third"))
    assert _pieces(plain) == _pieces(known)
    for name, numbers in _pieces(known).items():
        assert torch.equal(getattr(known, name).attributes, known_of(torch.tensor(numbers)))
        assert getattr(plain, name).attributes is None
