"""What each way to deal promises, at the level of indices."""

import dataclasses

import pytest
import torch

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.partition import ByClass, ByColumn, Dealt, Dirichlet, Iid, entities
from dpm_flower.data.partition_columns import numbered
from dpm_flower.data.partition_deal import deal_out
from tests.data.made import numbered_set
from tests.data.patients import hospital_set

DATASET = numbered_set([120] * 6, [1] * 6)
PRIVATE = torch.randperm(720, generator=torch.Generator().manual_seed(2))[:600]
CLASSES = 6


FIVE = entities(5)


def dealt(deal, names=FIVE, seed=0, dataset=DATASET, private=PRIVATE, together=""):
    groups = numbered(dataset, together).train if together else None
    return deal_out(private, dataset, Dealt(names=names, deal=deal, together=together), groups, seed)


def mix(hands, dataset=DATASET):
    """The images by entity and class (n, K)."""
    return torch.stack([torch.bincount(dataset.train.labels[hand], minlength=CLASSES) for hand in hands])


def skew(hands):
    """Mean total variation distance between an entity's class mix and that of all, in [0, 1]."""
    counts = mix(hands).double()
    return float((counts / counts.sum(1, keepdim=True) - counts.sum(0) / counts.sum()).abs().sum(1).mean() / 2)


DEALS = [Iid(), Dirichlet(alpha=0.5, least=5), ByClass(classes=2)]


@pytest.mark.parametrize("deal", DEALS)
def test_nothing_is_lost_or_dealt_twice_and_the_seed_decides(deal):
    hands, nobodys = dealt(deal)
    assert sorted(torch.cat([*hands, nobodys]).tolist()) == sorted(PRIVATE.tolist())
    assert len(nobodys) == 0
    place = {index: number for number, index in enumerate(PRIVATE.tolist())}
    for hand in hands:  # the order of the shuffle, not class by class
        places = [place[index] for index in hand.tolist()]
        assert places == sorted(places)
    again = dealt(deal)[0]
    assert all(torch.equal(one, other) for one, other in zip(hands, again, strict=True))
    if not isinstance(deal, Iid):  # those follow the shuffle, which is the caller's
        assert not torch.equal(mix(hands), mix(dealt(deal, seed=1)[0]))


def test_iid_hands_are_equally_large():
    assert {len(hand) for hand in dealt(Iid(), entities(7))[0]} == {85, 86}


def test_alpha_says_how_alike_the_entities_are():
    by_alpha = [skew(dealt(Dirichlet(alpha=alpha, least=3))[0]) for alpha in (0.1, 1.0, 10000.0)]
    assert by_alpha[0] > by_alpha[1] > by_alpha[2]
    assert by_alpha[0] > 0.4
    assert by_alpha[2] < 0.03


def test_a_least_size_is_drawn_for():
    small = [min(map(len, dealt(Dirichlet(alpha=0.5, least=3), seed=seed)[0])) for seed in range(8)]
    large = [min(map(len, dealt(Dirichlet(alpha=0.5, least=60), seed=seed)[0])) for seed in range(8)]
    assert min(small) < 60 <= min(large)


@pytest.mark.parametrize(("number", "classes"), [(5, 2), (3, 2), (4, 1), (7, 3), (5, 6), (2, 5)])
def test_by_class_gives_each_exactly_so_many_and_favours_none(number, classes):
    hands, nobodys = dealt(ByClass(classes=classes), entities(number))
    held = mix(hands) > 0
    assert held.sum(1).tolist() == [classes] * number
    holders = held.sum(0)
    assert int(holders.max() - holders.min()) <= 1
    for counts in mix(hands).T:  # equal parts of a class
        parts = counts[counts > 0]
        assert not len(parts) or int(parts.max() - parts.min()) <= 1
    unheld = set((holders == 0).nonzero().flatten().tolist())
    assert set(DATASET.train.labels[nobodys].tolist()) == unheld
    assert len(unheld) == max(0, CLASSES - number * classes)


def test_which_classes_nobody_holds_is_drawn():
    deal = ByClass(classes=2)
    unheld = [set(DATASET.train.labels[dealt(deal, entities(2), seed)[1]].tolist()) for seed in range(6)]
    assert len({frozenset(each) for each in unheld}) > 1


def test_by_class_mixes_the_pairs():
    held = mix(dealt(ByClass(classes=2), entities(30))[0]) > 0
    assert len({tuple(row) for row in held.tolist()}) > 5  # no more than 3 if neighbours always went together


HOSPITALS = hospital_set()
ALL = torch.randperm(240, generator=torch.Generator().manual_seed(3))


def by_column(names, together="", column="hospital"):
    hands, nobodys = dealt(ByColumn(column=column), names, dataset=HOSPITALS, private=ALL, together=together)
    values = HOSPITALS.columns[column].train
    return [{values[index] for index in hand.tolist()} for hand in hands], nobodys


@pytest.mark.parametrize("together", ["", "patient"])
def test_a_value_for_each_entity_in_sorted_order(together):
    hands, nobodys = by_column(entities(4), together)
    assert hands == [{"h0"}, {"h1"}, {"h2"}, {"h3"}]
    assert len(nobodys) == 0


def test_entities_named_after_values_hold_those():
    hands, nobodys = by_column(("h3", "h1"))
    assert hands == [{"h3"}, {"h1"}]
    assert {HOSPITALS.columns["hospital"].train[index] for index in nobodys.tolist()} == {"h0", "h2"}


def test_fewer_entities_share_the_values_out():
    hands, nobodys = by_column(entities(5), column="patient")
    assert len(nobodys) == 0
    assert sum(map(len, hands)) == len(set.union(*hands)) == len(set(HOSPITALS.columns["patient"].train))
    assert max(map(len, hands)) - min(map(len, hands)) <= 1


@pytest.mark.parametrize("deal", [Iid(), Dirichlet(alpha=1.0, least=60), ByClass(classes=2), ByColumn(column="hospital")])
def test_what_stays_together_has_one_entity(deal):
    dataset = hospital_set(mixed=False)
    hands, nobodys = dealt(deal, entities(3), dataset=dataset, private=ALL, together="patient")
    owners = [{dataset.columns["patient"].train[index] for index in hand.tolist()} for hand in (*hands, nobodys)]
    assert sum(map(len, owners)) == len(set.union(*owners))
    assert sorted(torch.cat([*hands, nobodys]).tolist()) == list(range(240))
    if isinstance(deal, Dirichlet):
        assert min(map(len, hands)) >= 60  # images, though patients are dealt
    if isinstance(deal, Iid):
        assert max(map(len, owners[:3])) - min(map(len, owners[:3])) <= 1


@pytest.mark.parametrize(
    ("deal", "names", "message"),
    [
        (Iid(), entities(601), "at least one private image for each of 601 entities, got 600"),
        (
            Dirichlet(alpha=0.05, least=110),
            entities(5),
            r"Dirichlet\(alpha=0.05\): wanted at least 110 of 600 private images .* raise alpha",
        ),
        (ByClass(classes=7), entities(2), "wanted 7 classes for each entity, got private images of 6"),
        (ByClass(classes=6), entities(400), "wanted each class in 400 parts, got too few private images of class 0: "),
        (ByColumn(column="ward"), entities(2), "wanted a column 'ward'"),
    ],
)
def test_what_cannot_be_dealt_is_refused(deal, names, message):
    with pytest.raises(PartitionError, match=message):
        dealt(deal, names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (entities(5), "at most as many entities as 'hospital' has private values, 4, got 5"),
        (("h1", "b", "c"), "named after private values of 'hospital', all or none, got others too: b, c"),
    ],
)
def test_names_that_fit_no_values_are_refused(names, message):
    with pytest.raises(PartitionError, match=message):
        by_column(names)


def test_more_entities_than_values_that_stay_together_are_refused():
    with pytest.raises(PartitionError, match="at least one private value of 'hospital' for each of 5 entities, got 4"):
        dealt(Iid(), dataset=HOSPITALS, private=ALL, together="hospital")


def test_a_patient_of_two_classes_or_hospitals_cannot_be_dealt_by_those():
    with pytest.raises(PartitionError, match="all images of one value of 'patient' in one class to deal by class"):
        dealt(ByClass(classes=2), entities(2), dataset=HOSPITALS, private=ALL, together="patient")
    columns = dict(HOSPITALS.columns)
    hospital = columns["hospital"]
    other = next(value for value in hospital.train if value != hospital.train[0])
    columns["hospital"] = dataclasses.replace(hospital, train=(other, *hospital.train[1:]))
    with pytest.raises(PartitionError, match="stay together under one value of 'hospital', got some under"):
        dealt(
            ByColumn(column="hospital"),
            entities(4),
            dataset=dataclasses.replace(HOSPITALS, columns=columns),
            private=ALL,
            together="patient",
        )
