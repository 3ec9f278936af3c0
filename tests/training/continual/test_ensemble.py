from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import SettingError
from dpm_flower.training.continual import ensemble
from dpm_flower.training.continual.ensemble import BoostedEnsemble, importance
from dpm_flower.training.prediction import apply
from tests.training.continual.days import DAY, FEW, NEXT_DAY, SOME, TEST, WARM_UP, beginning, only, top1, warm_nets
from tests.training.toys import CPU, equal, state_of

QUICK = BoostedEnsemble(fitting=FEW, combining=FEW)


def digests(learner):
    return [tensors_digest(member.state_dict()) for member in learner.members]


def test_every_day_adds_a_member_and_leaves_the_earlier_ones_as_they_are():
    learner = QUICK.start(beginning())
    for number, day in enumerate((DAY, NEXT_DAY, DAY), start=1):
        before = digests(learner)
        learner.day(day.images, day.labels)
        assert digests(learner)[:number] == before
        assert len(set(digests(learner))) == number + 1
        assert len(learner.combiner.strengths) == number + 1
        assert not any(p.requires_grad for member in learner.members for p in member.parameters())
        assert not any(member.training for member in learner.members)


def test_with_one_member_it_says_what_that_one_says():
    learner, nets = QUICK.start(beginning()), warm_nets()
    assert torch.equal(learner.predict(TEST.images), apply(nets.decider, apply(nets.featurizer, TEST.images, CPU), CPU))


def test_what_it_says_is_its_members_logits_by_share():
    learner, nets = QUICK.start(beginning()), warm_nets()
    learner.day(DAY.images, DAY.labels)
    features = nets.featurizer(TEST.images)
    slow = sum(share * member(features) for share, member in zip(learner.combiner.shares, learner.members, strict=True))
    torch.testing.assert_close(learner.predict(TEST.images), slow.detach())


def test_images_count_by_the_ensemble_s_loss_on_average_once():
    logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [0.0, 0.0]])
    weights = importance(logits, torch.tensor([0, 0, 0]))
    losses = functional.cross_entropy(logits, torch.tensor([0, 0, 0]), reduction="none")
    torch.testing.assert_close(weights, losses / losses.mean(), rtol=1e-4, atol=1e-5)
    assert weights.mean().item() == pytest.approx(1.0)
    torch.testing.assert_close(importance(torch.tensor([[1e4, 0.0]] * 3), torch.tensor([0, 0, 0])), torch.ones(3))


def test_a_new_member_learns_what_the_others_get_wrong(monkeypatch):
    """The weights that reach its training are those of the ensemble's losses, and of images that the combiner does not get."""
    given = []

    def train(network, examples, *others, **settings):
        given.append((examples, settings))

    for name in ("learn", "train_classifier"):
        monkeypatch.setattr(ensemble, name, train)
    learner, nets = QUICK.start(beginning()), warm_nets()
    learner.day(DAY.images, DAY.labels)
    (learnt, of_member), (combined, of_combiner) = given
    said = nets.decider(learnt.inputs)
    torch.testing.assert_close(of_member["weights"], importance(said.detach(), learnt.labels))
    held_out = combined.inputs[:, 0]  # the first member is the warmed-up decider
    assert (len(learnt.inputs), len(held_out)) == (18, 6)
    assert not (said[:, None] == held_out[None]).all(2).any()
    assert "weights" not in of_combiner
    assert of_combiner["proximal_mu"] == QUICK.hold


def test_it_learns_the_class_that_comes_and_the_combiner_gives_its_member_more():
    knobs = BoostedEnsemble(fitting=SOME, combining=replace(SOME, learning_rate=0.1), hold=0.0)
    learner, day = knobs.start(beginning()), only(WARM_UP, 2)
    assert top1(learner, only(TEST, 2)) < 0.2
    learner.day(day.images, day.labels)
    assert learner.combiner.shares[-1].item() > 0.6
    assert top1(learner, only(TEST, 2)) > 0.8


def test_hold_draws_the_combiner_back_to_where_it_was():
    day, shares = only(WARM_UP, 2), []
    for hold in (0.0, 100.0):
        learner = BoostedEnsemble(fitting=FEW, combining=SOME, hold=hold).start(beginning())
        learner.day(day.images, day.labels)
        shares.append(learner.combiner.shares[-1].item())
    assert abs(shares[1] - 0.5) < 0.1 * abs(shares[0] - 0.5)


def test_it_keeps_its_members_beside_the_first():
    learner = QUICK.start(beginning())
    assert learner.kept.size_bytes == 0
    learner.day(DAY.images, DAY.labels)
    assert learner.kept.size_bytes == sum(each.nbytes for each in learner.members[0].state_dict().values())
    assert learner.kept.shared is None


def test_it_does_not_write_to_the_networks_that_it_was_given():
    nets = warm_nets()
    before = state_of(nets.decider)
    QUICK.start(beginning()).day(DAY.images, DAY.labels)
    assert equal(state_of(nets.decider), before)


@pytest.mark.parametrize("knobs", [{"held_out": 0.0}, {"held_out": 1.0}, {"hold": -1.0}], ids=str)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted held_out"):
        BoostedEnsemble(**knobs)
