import dataclasses

import pytest
import torch

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import ByClass, ByColumn, Dealt, Dirichlet, Iid, Shares, entities
from dpm_flower.data import repeats
from dpm_flower.data.dataset import Column, DataSet
from dpm_flower.data.division import divide
from tests.data.made import classes_of, known_of, number_of, numbered_images, numbered_set, with_attributes
from tests.data.patients import hospital_set, seen_twice, values_of

SHARES = Shares(entities=(("a", 0.3), ("b", 0.3), ("c", 0.2), ("d", 0.05)))
CLASSES = Shares(entities=(("a", 0.5), ("b", 0.5)), public_classes=(3, 1))
DEALT = [
    Dealt(names=entities(3), deal=Iid(), private=0.5),
    Dealt(names=entities(3), deal=Dirichlet(alpha=1.0, least=10)),
    Dealt(names=entities(4), deal=ByClass(classes=1), public_classes=(3, 1)),
    Dealt(names=entities(4), deal=ByClass(classes=1)),
    Shares(entities=(("a", 0.5), ("b", 0.2)), public_classes=(3, 1), public=0.4),
]


@pytest.fixture(scope="module")
def dataset():
    return numbered_set([80, 120, 100, 100], [10, 20, 10, 10])


def pieces(division):
    """Every piece by name, the test set left out."""
    named = {"public": division.public}
    for name, own in division.entities.items():
        named |= {f"{name} train": own.train, f"{name} validation": own.validation}
    return named


@pytest.mark.parametrize("shares", [SHARES, CLASSES, *DEALT])
def test_pieces_are_disjoint_and_labels_stay_with_their_images(dataset, shares):
    division = divide(dataset, shares, 0)
    private = [number for number in range(4) if number not in shares.public_classes]
    numbers = []
    for name, piece in pieces(division).items():
        old = sorted(shares.public_classes) if name == "public" and shares.public_classes else private
        assert [old[label] for label in piece.labels.tolist()] == dataset.train.labels[number_of(piece.images)].tolist()
        assert piece.classes == len(old)
        numbers += number_of(piece.images)
    assert len(numbers) == len(set(numbers))
    assert max(numbers) < 400


def test_sizes_follow_the_shares(dataset):
    division = divide(dataset, SHARES, 0)
    assert len(division.public) == 80  # a fifth of 400
    own = {name: len(part.train) + len(part.validation) for name, part in division.entities.items()}
    assert own == {"a": 96, "b": 96, "c": 64, "d": 16}
    assert [len(part.validation) for part in division.entities.values()] == [10, 10, 6, 2]
    assert tuple(division.entities) == SHARES.names


def test_pieces_have_the_class_mix_of_the_whole(dataset):
    for piece in pieces(divide(dataset, SHARES, 0)).values():
        exact = torch.tensor([0.2, 0.3, 0.25, 0.25]) * len(piece)
        assert (torch.bincount(piece.labels, minlength=4) - exact).abs().max() <= 2


def test_the_same_seed_divides_alike_and_another_does_not(dataset):
    first, again, other = (pieces(divide(dataset, SHARES, seed)) for seed in (0, 0, 1))
    assert all(torch.equal(first[name].images, again[name].images) for name in first)
    assert all(number_of(first[name].images) != number_of(other[name].images) for name in first)


def test_public_images_do_not_depend_on_the_entities(dataset):
    fewer = dataclasses.replace(SHARES, entities=(("z", 1.0),))
    for other in (fewer, DEALT[0], DEALT[1]):
        assert torch.equal(divide(dataset, SHARES, 0).public.images, divide(dataset, other, 0).public.images)


def test_a_share_of_the_private_images_is_dealt_with_their_mix(dataset):
    division = divide(dataset, DEALT[0], 0)
    held = torch.cat([part.labels for own in division.entities.values() for part in (own.train, own.validation)])
    assert torch.bincount(held).tolist() == [32, 48, 40, 40]  # half of what is not public


def test_an_entity_may_be_dealt_one_class(dataset):
    for own in divide(dataset, DEALT[3], 0).entities.values():
        assert len(torch.unique(torch.cat((own.train.labels, own.validation.labels)))) == 1


TOGETHER = [
    Shares(entities=(("a", 0.4), ("b", 0.4), ("c", 0.2)), together="patient"),
    Shares(entities=(("a", 0.5), ("b", 0.2)), public_classes=1, public=0.5, together="patient"),
    Dealt(names=entities(3), deal=Iid(), private=0.8, together="patient"),
    Dealt(names=("h2", "h0"), deal=ByColumn(column="hospital"), together="patient"),
    Dealt(names=entities(2), deal=Dirichlet(alpha=1.0), together="patient"),
    Dealt(names=entities(2), deal=ByClass(classes=1), public_classes=(2,), together="patient"),
]


@pytest.mark.parametrize("partition", TOGETHER)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_patient_is_on_two_sides(partition, seed):
    patients = seen_twice(hospital_set(images=480, patients=48, mixed=False), 8)
    division = divide(patients, partition, seed)
    held = [values_of(patients, "patient", piece.images) for piece in pieces(division).values()]
    assert all(held)
    assert sum(map(len, held)) == len(set.union(*held))
    assert not set.union(*held) & set(patients.columns["patient"].test)
    lost = [value for value in patients.columns["patient"].train if value in patients.columns["patient"].test]
    assert division.summary.together_with_test == len(lost) > 0
    of_train = sum(row.total for row in division.summary.holdings if row.piece != "test")
    assert of_train + len(lost) == 480


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_whole_patients_still_make_shares(seed):
    patients = hospital_set(images=480, patients=60)
    largest = max(patients.columns["patient"].train.count(value) for value in set(patients.columns["patient"].train))
    shares = Shares(entities=tuple((name, 0.1) for name in entities(10)), together="patient")
    division = divide(patients, shares, seed)
    private, held = 480 - len(division.public), 0
    assert abs(private - 384) <= largest / 2
    for number, own in enumerate(division.entities.values(), 1):  # what one has too many, the next has too few
        held += len(own.train) + len(own.validation)
        assert abs(held - private * number / 10) <= largest / 2 + 1
    assert held == private


def test_hospitals_by_name_hold_their_own_images():
    patients = hospital_set()
    division = divide(patients, Dealt(names=("h3", "h1"), deal=ByColumn(column="hospital"), private=0.9), 0)
    for name, own in division.entities.items():
        assert values_of(patients, "hospital", own.train.images) == values_of(patients, "hospital", own.validation.images) == {name}


def test_public_classes_leave_the_private_task(dataset):
    division = divide(dataset, CLASSES, 0)
    assert division.class_names == ("class 0", "class 2")
    assert torch.bincount(division.public.labels).tolist() == [120, 100]
    assert torch.bincount(division.test.labels).tolist() == [10, 10]
    assert division.test.classes == 2
    assert sum(len(part.train) + len(part.validation) for part in division.entities.values()) == 180


def test_without_public_classes_the_test_images_are_shared_not_copied(dataset):
    assert divide(dataset, SHARES, 0).test is dataset.test


def test_an_image_that_occurs_twice_lands_once(dataset):
    numbers = torch.cat((torch.arange(100).repeat(3), torch.tensor([1000, 1000, 1001])))
    labels = classes_of([len(numbers) // 3] * 3)  # copies under different labels
    train = Labelled(numbered_images(numbers), labels, 3)
    test = Labelled(numbered_images(torch.tensor([1000, 2000, 2001])), torch.tensor([0, 1, 2]), 3)
    division = divide(DataSet("twice", train, test, ("x", "y", "z")), Shares(entities=(("a", 0.5), ("b", 0.5))), 0)
    held = [number for piece in pieces(division).values() for number in number_of(piece.images)]
    assert sorted(held) == [*range(100), 1001]
    assert (division.summary.repeats_in_train, division.summary.repeats_of_test) == (200, 2)


@pytest.mark.parametrize("shares", [SHARES, CLASSES, *DEALT])
def test_the_summary_counts_every_image_once_in_the_old_classes(dataset, shares):
    division = divide(dataset, shares, 0)
    rows = {(row.piece, row.entity): row for row in division.summary.holdings}
    assert division.summary.class_names == dataset.class_names
    assert rows["public", ""].total == len(division.public)
    assert rows["test", ""].total == len(division.test)
    for name, own in division.entities.items():
        assert rows["train", name].total == len(own.train)
        assert rows["validation", name].total == len(own.validation)
    of_train = [row.counts for (piece, _), row in rows.items() if piece != "test"]
    assert [sum(column) for column in zip(*of_train, strict=True)] == [80, 120, 100, 100]


def test_a_small_entity_keeps_two_images_and_validates_on_one():
    shares = Shares(entities=(("a", 0.5), ("d", 0.1)), validation=0.9)
    own = divide(numbered_set([19, 18], [1, 1]), shares, 0).entities["d"]
    assert (len(own.train), len(own.validation)) == (2, 1)
    own = divide(numbered_set([19, 18], [1, 1]), dataclasses.replace(shares, validation=0.01), 0).entities["d"]
    assert (len(own.train), len(own.validation)) == (2, 1)


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        (Shares(entities=(("a", 0.5),), together="ward"), "wanted a column 'ward', got a data set with these columns: hospital, patient"),
        (Shares(entities=(("a", 0.5),), together="hospital"), "entity 'a': .* no value of 'hospital' in both, got "),
        (Dealt(names=entities(79), deal=Iid(), public=0.1), "entity 'e[0-9]+': wanted at least 2 images to train on"),
    ],
)
def test_what_leaves_an_entity_without_is_refused(partition, message):
    with pytest.raises(PartitionError, match=message):
        divide(hospital_set(hospitals=3), partition, 0)


def test_a_test_set_of_the_same_patients_is_refused():
    with pytest.raises(PartitionError, match="training images whose 'patient' the test set does not hold, got none of 240"):
        divide(seen_twice(hospital_set(patients=6), 6), Shares(entities=(("a", 0.5),), together="patient"), 0)


@pytest.mark.parametrize(("held_out_by", "how"), [("", "image by image"), ("hospital", "by whole values of 'hospital'")])
def test_a_test_set_that_was_held_out_by_something_else_is_refused(held_out_by, how):
    dataset, shares = dataclasses.replace(hospital_set(), held_out_by=held_out_by), Shares(entities=(("a", 0.5),), together="patient")
    with pytest.raises(PartitionError, match=rf"got one that was held out {how}; write the data as \"FOLDER\?apart=patient\""):
        divide(dataset, shares, 0)
    divide(dataset, dataclasses.replace(shares, together=""), 0)
    assert divide(dataclasses.replace(dataset, held_out_by="patient"), shares, 0).summary.together_with_test == 0


@pytest.mark.parametrize("changes", [{"together": "patient"}, {"deal": ByColumn(column="patient")}])
def test_patients_without_a_name_are_refused(changes):
    known = hospital_set()
    nameless = Column(("", *known.columns["patient"].train[1:]), known.columns["patient"].test)
    dataset = dataclasses.replace(known, columns=dict(known.columns) | {"patient": nameless})
    partition = Dealt(**{"names": entities(2), "deal": Iid()} | changes)
    divide(known, partition, 0)
    with pytest.raises(PartitionError, match=r"'patient': wanted a value for every image, got none .* for 1 of 240 training images"):
        divide(dataset, partition, 0)


@pytest.mark.parametrize("partition", [SHARES, CLASSES])
def test_images_that_nobody_looks_at_are_not_gathered(partition):
    dataset = numbered_set([80, 120, 100, 100], [10, 20, 10, 10])
    division, taken = divide(dataset, partition, 0), []

    class Watched(torch.Tensor):
        def __getitem__(self, indices):
            taken.append(len(indices))
            return super().__getitem__(indices)

    for part in (dataset.train, dataset.test):
        object.__setattr__(part, "images", part.images.as_subclass(Watched))
    assert len(division.public) == division.summary.holdings[0].total
    assert len(division.test) == division.summary.holdings[-1].total
    own = division.entities["a"]
    assert taken == [len(own.train), len(own.validation)]
    assert division.public.images is division.public.images
    assert taken[2:] == [len(division.public)]


def test_repeats_are_looked_for_once_for_all_seeds_and_partitions(monkeypatch):
    dataset, looked, real = numbered_set([40, 40], [10, 10]), [], repeats.distinct
    monkeypatch.setattr(repeats, "distinct", lambda *images: looked.append(images) or real(*images))
    for seed in range(3):
        divide(dataset, Shares(entities=(("a", 0.5),)), seed)
        divide(dataset, Dealt(names=("a",), deal=Iid()), seed)
    assert len(looked) == 1
    divide(numbered_set([40, 40], [10, 10]), Shares(entities=(("a", 0.5),)), 0)
    assert len(looked) == 2


def test_the_summary_hands_on_what_was_done_to_the_data():
    dataset = dataclasses.replace(numbered_set([40, 40], [10, 10]), notes=("resized", "held out"))
    assert divide(dataset, Shares(entities=(("a", 0.5),)), 0).summary.notes == ("resized", "held out")


@pytest.mark.parametrize(
    ("counts", "changes", "message"),
    [
        ([4, 4], {"entities": tuple((f"e{number}", 0.1) for number in range(10))}, "each of 10 entities, got 6"),
        ([40, 40], {"entities": (("a", 0.9), ("tiny", 0.001))}, "'tiny': wanted at least 2 images .* got 0"),
        ([40, 40], {"entities": (("a", 0.5), ("tiny", 0.03))}, "'tiny': wanted at least 2 images .* got 2"),
        ([97, 3], {"entities": (("a", 0.5), ("tiny", 0.05))}, "'tiny': wanted training images of at least 2 classes, got 1"),
        ([20, 20], {"public": 0.001}, "at least 1 public image, got none of 40"),
        ([20, 20, 20], {"public_classes": (3,)}, r"different numbers in \[0, 3\).*got \(3,\)"),
        ([20, 20, 20], {"public_classes": (-1,)}, r"different numbers in \[0, 3\)"),
        ([20, 20, 20, 20], {"public_classes": (1, 1)}, "different numbers"),
        ([20, 20, 20], {"public_classes": (0, 2)}, "at least 2 private classes, got 1"),
        ([20, 20, 0], {"public_classes": (2,)}, "at least 1 public image, got none"),
    ],
)
def test_what_cannot_be_divided_is_refused(counts, changes, message):
    shares = dataclasses.replace(Shares(entities=(("a", 0.5), ("b", 0.5))), **changes)
    with pytest.raises(PartitionError, match=message):
        divide(numbered_set(counts, [2] * len(counts)), shares, 0)


def test_a_test_set_without_private_classes_is_refused():
    shares = Shares(entities=(("a", 1.0),), public_classes=(2,))
    with pytest.raises(PartitionError, match="test images of the private classes, got none among 3"):
        divide(numbered_set([20, 20, 20], [0, 0, 3]), shares, 0)


@pytest.mark.parametrize("shares", [SHARES, CLASSES, DEALT[1]])
def test_attributes_stay_with_their_images_and_change_nothing_else(dataset, shares):
    plain, known = divide(dataset, shares, 0), divide(with_attributes(dataset), shares, 0)
    assert (plain.attribute_names, known.attribute_names) == ((), ("odd", "third"))
    every = [*pieces(known).values(), known.test, known.entities.largest_but("a")]
    for piece, without in zip(every, [*pieces(plain).values(), plain.test, plain.entities.largest_but("a")], strict=True):
        assert torch.equal(piece.attributes, known_of(torch.tensor(number_of(piece.images))))
        assert without.attributes is None
        assert torch.equal(piece.images, without.images)
        assert torch.equal(piece.labels, without.labels)
    assert known.summary == plain.summary
