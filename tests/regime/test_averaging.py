from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import ReleaseError, ShapeError
from dpm_flower.core.fitting import Fitting
from dpm_flower.regime.averaging import average_locally, local_fitting
from dpm_flower.regime.refine import network_part
from dpm_flower.regime.round import Round
from dpm_flower.training import loop
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier
from tests.regime.examples import FEW, NETS, STUDY, task
from tests.training.toys import CPU, equal, public_nets, state_of

WHOLE = STUDY.arm("FedAvg")
DECIDER = replace(WHOLE, part="decider")
ARMS = {"network": WHOLE, "decider": DECIDER}


def start_of(part, nets=NETS):
    """Other tensors than those of the public networks, so that it shows which of them a round starts from."""
    tensors = network_part(nets.tensors()) if part == "network" else state_of(nets.decider)
    return {name: tensor + 0.01 if tensor.is_floating_point() else tensor + 1 for name, tensor in tensors.items()}


def averaged(folder, part, *, mu=0.0, at=Round(1, 2), start=None, nets=NETS, **changes):  # noqa: B008
    return average_locally(task(folder, **changes), nets, ARMS[part], start or start_of(part), mu, at)


@pytest.mark.parametrize("part", ["network", "decider"])
def test_an_update_is_of_the_part_and_the_public_networks_stay(tmp_path, part):
    nets = public_nets()
    before, start = nets.tensors(), start_of(part)
    update = averaged(tmp_path, part, nets=nets)
    assert equal(nets.tensors(), before)
    assert not any(parameter.requires_grad for parameter in nets.whole_network().parameters())
    assert update.tensors.keys() == start.keys()
    assert update.samples == len(task(tmp_path).train)
    assert all(tensor.dtype == start[name].dtype for name, tensor in update.tensors.items())
    assert not any(torch.equal(update.tensors[name], start[name]) for name in start if name.endswith("weight"))


def test_a_whole_network_is_trained_on_own_images(tmp_path):
    one, nets = task(tmp_path), public_nets()
    start = start_of("network")
    nets.load(nets.tensors() | start)
    network = nets.whole_network().requires_grad_(True)
    local = local_fitting(STUDY, WHOLE, Round(2, 2), len(one.train))
    examples, rng = Examples(one.train.images, one.train.labels), one.stream("averaging", WHOLE.name, "2")
    train_classifier(network, examples, local.fitting, compute=CPU, rng=rng, work="network", stretch=local.stretch)
    assert equal(dict(averaged(tmp_path, "network", at=Round(2, 2)).tensors), state_of(network))


def test_a_decider_is_trained_on_own_features_of_the_leads_featurizer(tmp_path):
    one, decider = task(tmp_path), public_nets().decider.requires_grad_(True)
    decider.load_state_dict(start_of("decider"))
    local = local_fitting(STUDY, DECIDER, Round(1, 2), len(one.train))
    examples = Examples(apply(NETS.featurizer, one.train.images, CPU), one.train.labels)
    rng = one.stream("averaging", DECIDER.name, "1")
    train_classifier(decider, examples, local.fitting, compute=CPU, rng=rng, work="decider", stretch=local.stretch)
    assert equal(dict(averaged(tmp_path, "decider").tensors), state_of(decider))


def test_features_are_computed_once_and_never_augmented(tmp_path):
    study = replace(STUDY, augment="shift-flip")
    first = averaged(tmp_path, "decider", study=study)
    (kept,) = (tmp_path / "a" / "features").iterdir()
    written = kept.stat().st_mtime_ns
    assert equal(dict(averaged(tmp_path, "decider").tensors), dict(first.tensors))
    assert kept.stat().st_mtime_ns == written
    whole = [dict(averaged(tmp_path, "network", study=each).tensors) for each in (study, STUDY)]
    assert not equal(*whole)


@pytest.mark.parametrize("part", ["network", "decider"])
def test_round_entity_and_arm_decide_the_update(tmp_path, part):
    same = [dict(averaged(tmp_path, part, start=start_of(part)).tensors) for _ in range(2)]
    assert equal(*same)
    later = averaged(tmp_path, part, at=Round(2, 2))
    other = averaged(tmp_path, part, entity="b", train=task(tmp_path).train)
    assert not equal(dict(later.tensors), same[0])
    assert not equal(dict(other.tensors), same[0])


@pytest.mark.parametrize("part", ["network", "decider"])
def test_a_proximal_term_holds_the_update_near_the_average(tmp_path, part):
    study, start = replace(STUDY, refine=replace(FEW, steps=30)), start_of(part)

    def distance(mu):
        update = averaged(tmp_path, part, mu=mu, at=Round(1, 1), study=study)
        return sum(float((update.tensors[name] - start[name]).square().sum()) for name in start if name.endswith(("weight", "bias")))

    assert distance(50.0) < 0.7 * distance(0.0)


@pytest.mark.parametrize("part", ["network", "decider"])
def test_a_round_without_a_step_answers_with_what_it_was_given(tmp_path, part):
    study = replace(STUDY, refine=replace(FEW, steps=1))
    assert equal(dict(averaged(tmp_path, part, study=study).tensors), start_of(part))


@pytest.mark.parametrize("part", ["network", "decider"])
def test_tensors_of_another_part_are_refused(tmp_path, part):
    start = start_of(part)
    name = next(name for name in start if name.endswith("head.bias"))
    with pytest.raises(ReleaseError, match="none of that name"):
        averaged(tmp_path, part, start={each: tensor for each, tensor in start.items() if each != name})
    with pytest.raises(ShapeError, match=name):
        averaged(tmp_path, part, start=start | {name: torch.zeros(99)})
    with pytest.raises(ReleaseError, match="finite"):
        averaged(tmp_path, part, start=start | {name: torch.full_like(start[name], float("nan"))})


BUDGETS = replace(
    STUDY, refine=Fitting(steps=10, learning_rate=0.1, batch_size=8), pretrain=Fitting(steps=30, learning_rate=0.3, batch_size=4)
)


def taken(arm, images):
    parts = [local_fitting(BUDGETS, arm, Round(number, arm.rounds), images) for number in range(1, arm.rounds + 1)]
    return [part.fitting.steps_for(images) if part else 0 for part in parts]


@pytest.mark.parametrize(("start", "steps", "rate", "batch"), [("lead", 10, 0.1, 8), ("scratch", 30, 0.3, 4)])
def test_the_budget_is_that_of_where_it_starts(start, steps, rate, batch):
    arm = replace(WHOLE, start=start, rounds=4)
    for images in (5, 1000):
        assert sum(taken(arm, images)) == steps
    first = local_fitting(BUDGETS, arm, Round(1, 4), 40).fitting
    assert (first.learning_rate, first.batch_size) == (rate, batch)


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize(("images", "batches"), [(5, 1), (8, 1), (40, 5), (47, 5)])
def test_local_epochs_are_passes_over_the_own_images_in_every_round(epochs, images, batches):
    assert taken(replace(WHOLE, rounds=3, local_epochs=epochs), images) == [epochs * batches] * 3


def test_local_epochs_take_the_place_of_a_limit_on_all_epochs():
    study = replace(BUDGETS, refine=replace(BUDGETS.refine, max_epochs=1))
    arm = replace(WHOLE, rounds=3, local_epochs=2)
    assert [local_fitting(study, arm, Round(number, 3), 40).fitting.steps_for(40) for number in (1, 2, 3)] == [10, 10, 10]


@pytest.mark.parametrize("epochs", [None, 2])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_the_rounds_have_the_learning_rates_of_one_training_over_all_their_steps(tmp_path, monkeypatch, schedule, epochs):
    rates, step = [], loop._step

    def noting(loss_at, indices, parameters, optimiser, clip):
        rates.append(optimiser.param_groups[0]["lr"])
        return step(loss_at, indices, parameters, optimiser, clip)

    monkeypatch.setattr(loop, "_step", noting)
    study = replace(STUDY, refine=replace(FEW, schedule=schedule))
    arm = replace(DECIDER, rounds=3, local_epochs=epochs, learning_rate=0.7)
    one = task(tmp_path, study=study)
    for number in (1, 2, 3):
        average_locally(one, NETS, arm, start_of("decider"), 0.0, Round(number, 3))
    in_rounds, rates[:] = list(rates), []
    alone = replace(study.refine, learning_rate=0.7, steps=len(in_rounds))
    examples = Examples(apply(NETS.featurizer, one.train.images, CPU), one.train.labels)
    train_classifier(public_nets().decider.requires_grad_(True), examples, alone, compute=CPU, rng=one.stream("x"), work="decider")
    assert in_rounds == rates
    assert len(rates) == (FEW.steps if epochs is None else 3 * epochs * (len(one.train) // FEW.batch_size))
    assert max(rates) > 0.6


@pytest.mark.parametrize("part", ["network", "decider"])
def test_one_round_with_one_entity_is_the_training_alone_bit_for_bit(tmp_path, part):
    one, nets = task(tmp_path), public_nets()
    trained = (nets.whole_network() if part == "network" else nets.decider).requires_grad_(True)
    inputs = one.train.images if part == "network" else apply(NETS.featurizer, one.train.images, CPU)
    rng = one.stream("averaging", ARMS[part].name, "1")
    train_classifier(trained, Examples(inputs, one.train.labels), STUDY.refine, compute=CPU, rng=rng, work=part)
    start = network_part(NETS.tensors()) if part == "network" else state_of(NETS.decider)
    assert equal(dict(averaged(tmp_path, part, at=Round(1, 1), start=start).tensors), state_of(trained))
