import pytest
import torch

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import SettingError
from dpm_flower.training.continual.detection import ensemble
from dpm_flower.training.continual.detection.ensemble import LEAST_MISSED, BoostedDetectors, missed
from dpm_flower.training.detection import detections
from tests.training.cells import cells
from tests.training.continual.detection.days import DAY, FEW, NETS, NEXT_DAY, TEST, bare, beginning, same
from tests.training.toys import CPU

QUICK = BoostedDetectors(fitting=FEW)


def digests(learner):
    return [tensors_digest(member.state_dict()) for member in learner.members]


def perfect(boxed):
    """Detections that are the truth."""
    return [
        {"boxes": boxes, "labels": labels + 1, "scores": torch.ones(len(labels))}
        for boxes, labels in zip(boxed.boxes, boxed.labels, strict=True)
    ]


def test_every_day_adds_a_member_and_leaves_the_earlier_ones_as_they_are():
    learner = QUICK.start(beginning())
    for number, day in enumerate((DAY, NEXT_DAY), start=1):
        before = digests(learner)
        learner.day(day)
        assert digests(learner)[:number] == before
        assert len(set(digests(learner))) == number + 1 == len(learner.weights)
        assert not any(p.requires_grad for member in learner.members for p in member.parameters())
    size = sum(tensor.nbytes for tensor in NETS.decider.state_dict().values())
    assert learner.kept.size_bytes == 2 * size
    assert learner.kept.shared is None


def test_with_one_member_it_says_what_that_one_says():
    assert same(QUICK.start(beginning()).predict(TEST.images), detections(NETS.decider, NETS.featurizer(TEST.images), CPU))


def test_what_is_missed_is_what_precision_lacks_and_never_nothing():
    found = perfect(TEST)
    assert missed(found, TEST).tolist() == pytest.approx([LEAST_MISSED] * len(TEST))
    found[1] = {key: value[:0] for key, value in found[1].items()}
    assert missed(found, TEST).tolist() == pytest.approx([LEAST_MISSED, 1.0, LEAST_MISSED])
    assert missed(found, bare(TEST)).tolist() == pytest.approx([LEAST_MISSED] * 3)


def test_a_new_member_learns_from_images_in_which_the_others_miss_things(monkeypatch):
    given, day = [], cells(8, seed=3)
    monkeypatch.setattr(ensemble, "missed", lambda found, truth: torch.tensor([1.0] + [0.0] * (len(truth) - 1)))
    monkeypatch.setattr(ensemble, "learn", lambda network, examples, *_, **__: given.append(examples))
    learner = QUICK.start(beginning())
    learner.day(day)
    (learnt,) = given
    assert len(learnt.inputs) == 6  # as many as were not held out, and all of them the one that has a chance
    assert all(torch.equal(each, learnt.inputs[0]) for each in learnt.inputs)
    order = torch.randperm(8, generator=beginning().rng)
    assert torch.allclose(learnt.inputs[0], learner.beginning.raw(day.images[order[2:3]])[0], atol=1e-5)
    assert torch.equal(learnt.boxes[0], day.boxes[order[2]])


@pytest.mark.parametrize(("newest_is_right", "wanted"), [(True, 2.0), (False, 0.5)])
def test_a_member_counts_as_much_as_finds_most_in_images_that_it_has_not_seen(monkeypatch, newest_is_right, wanted):
    """Two members disagree about where things are, and the wrong one is surer: the weight nearest to 1 by which the right one prevails."""
    right = [{**one, "scores": one["scores"] * 0.8} for one in perfect(DAY)]
    wrong = [{**one, "boxes": one["boxes"] + torch.tensor([0.0, 7.0, 0.0, 7.0])} for one in perfect(DAY)]
    learner = QUICK.start(beginning())
    monkeypatch.setattr(ensemble.BoostedDetectorsLearner, "_said", lambda *_: [wrong, right] if newest_is_right else [right, wrong])
    assert learner._weight(torch.zeros(0), DAY) == wanted


def test_of_equals_and_where_there_is_nothing_to_find_a_member_counts_as_the_mean_of_the_others(monkeypatch):
    learner = QUICK.start(beginning())
    learner.weights = [3.0]
    monkeypatch.setattr(ensemble.BoostedDetectorsLearner, "_said", lambda *_: [perfect(DAY)] * 2)
    assert learner._weight(torch.zeros(0), DAY) == 3.0  # a twin: fused boxes are the same by any weight
    assert learner._weight(torch.zeros(0), bare(DAY)) == 3.0


@pytest.mark.parametrize(
    "knobs", [{"held_out": 0.0}, {"held_out": 1.0}, {"overlap": 1.0}, {"weights": ()}, {"weights": (1.0, 0.0)}], ids=str
)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted"):
        BoostedDetectors(**knobs)
