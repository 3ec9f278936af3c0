from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.core.errors import OutputError
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.federation.shared_decider import averaged
from dpm_flower.regime import refine as refine_module
from dpm_flower.regime.pooling import PooledFeatures, PooledImages
from dpm_flower.regime.pretrain import fresh_nets
from dpm_flower.regime.refine import network_part, refine, refine_shared, train_network
from dpm_flower.regime.round import Round
from dpm_flower.training import loop
from dpm_flower.training.prediction import Accuracy, apply
from dpm_flower.training.supervised import Examples, train_classifier
from tests.regime.examples import FEW, NETS, STUDY, task
from tests.training.toys import CPU, equal, pictures, public_nets, state_of

PEER = pictures(17, seed=50)
FEATURES = SharedFeatures(apply(NETS.featurizer, PEER.images, CPU).half().float(), PEER.labels)  # as released
IMAGES = SharedImages(PEER.images, PEER.labels)
OWN, SHARED, NETWORK = STUDY.arm("poisoned"), STUDY.arm("shared"), STUDY.arm("images")


def on_features(one, received, nets=NETS, owner="poisoned"):
    with PooledFeatures(one, nets, owner) as pooled:
        for batch in received:
            pooled.take([batch])
        examples = pooled.examples
        return Examples(examples.inputs[torch.arange(len(examples.inputs))], examples.labels)


def on_images(one, received):
    pooled = PooledImages(one)
    for batch in received:
        pooled.take([batch])
    return pooled.examples


def refined(folder, received=(FEATURES,), arm=OWN, nets=NETS, **changes):
    one = task(folder, **changes)
    refine(one, nets, arm, on_features(one, received, nets))
    return load_file(one.site.decider("c-0", arm.name))


def stopped(folder, received, study):
    """A network whose training on these releases was interrupted in its second epoch."""

    def stop(progress):
        if progress.epoch > 1:
            raise InterruptedError

    one = task(folder, study=study, report=stop)
    with pytest.raises(InterruptedError):
        train_network(one, NETWORK, on_images(one, received))


def checkpoints(folder):
    return list(task(folder).site.checkpoint("c-0", NETWORK.name).parent.glob("*"))


def test_a_refined_decider_lies_in_the_own_folder_and_the_public_networks_stay(tmp_path):
    nets = public_nets()
    before = nets.tensors()
    state = refined(tmp_path, nets=nets)
    assert equal(nets.tensors(), before)
    assert not any(p.requires_grad for p in nets.decider.parameters())
    assert state.keys() == nets.decider.state_dict().keys()
    assert not equal(state, state_of(nets.decider))


def test_what_is_received_and_whose_stream_it_is_decide_the_decider(tmp_path):
    state = refined(tmp_path / "1")
    assert equal(refined(tmp_path / "2"), state)
    others = [
        refined(tmp_path / "3", received=()),
        refined(tmp_path / "4", received=(FEATURES, FEATURES)),
        refined(tmp_path / "5", seed=1),
        refined(tmp_path / "6", arm=replace(OWN, name="another arm")),
        refined(tmp_path / "7", entity="b", train=task(tmp_path, "a").train),
    ]
    assert not any(equal(one, other) for index, one in enumerate([state, *others]) for other in [state, *others][:index])


def test_the_training_is_that_on_own_and_received_features_together(tmp_path):
    one, decider = task(tmp_path), public_nets().decider.requires_grad_(True)
    inputs = torch.cat([apply(NETS.featurizer, one.train.images, CPU), FEATURES.features, FEATURES.features.flip(0)])
    labels = torch.cat([one.train.labels, PEER.labels, PEER.labels])
    train_classifier(decider, Examples(inputs, labels), FEW, compute=CPU, rng=one.stream("decider", OWN.name), work="decider")
    flipped = SharedFeatures(FEATURES.features.flip(0), PEER.labels)
    assert equal(refined(tmp_path, received=(FEATURES, flipped)), state_of(decider))


def test_one_round_of_the_shared_decider_answers_with_all_its_tensors(tmp_path):
    nets = public_nets()
    before = nets.tensors()
    start = {name: tensor + 0.01 if tensor.is_floating_point() else tensor for name, tensor in state_of(nets.decider).items()}
    one = task(tmp_path)
    update = refine_shared(one, nets, SHARED, on_features(one, (FEATURES,), nets), start, Round(1, 3))
    assert equal(nets.tensors(), before)
    assert update.tensors.keys() == start.keys()
    assert not equal(dict(update.tensors), start)
    assert update.samples == len(one.train) + 17
    again = refine_shared(one, nets, SHARED, on_features(one, (FEATURES,), nets), start, Round(1, 3))
    assert equal(dict(again.tensors), dict(update.tensors))
    later = refine_shared(one, nets, SHARED, on_features(one, (FEATURES,), nets), start, Round(2, 3))
    assert not equal(dict(later.tensors), dict(update.tensors))


def test_a_round_starts_from_the_state_it_is_given(tmp_path):
    """With hardly any learning rate the answer is that state, not the public decider."""
    start = {name: tensor + 0.5 for name, tensor in state_of(NETS.decider).items()}
    study = replace(STUDY, refine=replace(FEW, learning_rate=1e-9))
    update = refine_shared(task(tmp_path, study=study), NETS, SHARED, on_features(task(tmp_path, study=study), ()), start, Round(1, 3))
    assert all(torch.allclose(update.tensors[name], tensor, atol=1e-6) for name, tensor in start.items())


def test_a_round_without_a_step_answers_with_what_it_was_given(tmp_path):
    study = replace(STUDY, refine=replace(FEW, steps=1))
    start = state_of(NETS.decider)
    first, last = (
        refine_shared(task(tmp_path, study=study), NETS, SHARED, on_features(task(tmp_path, study=study), ()), start, Round(number, 2))
        for number in (1, 2)
    )
    assert equal(dict(first.tensors), start)
    assert not equal(dict(last.tensors), start)


def test_a_network_of_its_own_is_trained_from_own_and_received_images(tmp_path):
    def trained(folder, received, **changes):
        one = task(folder, **changes)
        train_network(one, NETWORK, on_images(one, received))
        assert checkpoints(folder) == []
        return load_file(one.site.decider("c-0", NETWORK.name))

    with_peer = trained(tmp_path / "1", (IMAGES,))
    fresh = network_part(fresh_nets(task(tmp_path)).tensors())
    assert with_peer.keys() == fresh.keys()
    assert not equal(with_peer, fresh)
    assert equal(trained(tmp_path / "2", (IMAGES,)), with_peer)
    assert not equal(trained(tmp_path / "3", ()), with_peer)


def test_a_network_is_trained_on_own_and_received_images_together(tmp_path):
    one, nets = task(tmp_path), fresh_nets(task(tmp_path))
    examples = Examples(torch.cat([one.train.images, PEER.images]), torch.cat([one.train.labels, PEER.labels]))
    train_classifier(nets.whole_network(), examples, FEW, compute=CPU, rng=one.stream("network", NETWORK.name), work="network")
    train_network(one, NETWORK, on_images(one, (IMAGES,)))
    assert equal(load_file(one.site.decider("c-0", NETWORK.name)), network_part(nets.tensors()))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    one = task(tmp_path)
    (one.site.folder / "c-0").mkdir(parents=True)
    (one.site.folder / "c-0" / "deciders").write_text("")
    examples = on_features(one, ())
    with pytest.raises(OutputError):
        refine(one, NETS, OWN, examples)
    with pytest.raises(OutputError):
        train_network(one, NETWORK, on_images(one, ()))


def test_one_round_with_one_entity_is_the_training_alone_bit_for_bit(tmp_path):
    """The stream of that round is the one of the arm that is refined alone."""
    alone = refined(tmp_path / "alone", arm=replace(OWN, name=f"{SHARED.name}, round 1"))
    one, start = task(tmp_path / "shared"), state_of(NETS.decider)
    update = refine_shared(one, NETS, SHARED, on_features(one, (FEATURES,)), start, Round(1, 1))
    assert equal(dict(averaged(start, {"a": (update.tensors, update.samples)}).tensors), alone)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_the_rounds_of_a_shared_decider_have_the_learning_rates_of_training_alone(tmp_path, monkeypatch, schedule):
    rates, step = [], loop._step

    def noting(loss_at, indices, parameters, optimiser, clip):
        rates.append(optimiser.param_groups[0]["lr"])
        return step(loss_at, indices, parameters, optimiser, clip)

    monkeypatch.setattr(loop, "_step", noting)
    study = replace(STUDY, refine=replace(FEW, steps=11, schedule=schedule))
    refined(tmp_path, study=study)
    alone, rates[:] = list(rates), []
    one = task(tmp_path, study=study)
    examples = on_features(one, (FEATURES,))
    for number in (1, 2, 3):
        refine_shared(one, NETS, SHARED, examples, state_of(NETS.decider), Round(number, 3))
    assert rates == alone
    assert len(alone) == 11
    assert sum(rates) > 0


def test_an_interrupted_network_goes_on_to_the_same_bits(tmp_path):
    study = replace(STUDY, pretrain=replace(FEW, steps=8))
    stopped(tmp_path / "2", (IMAGES,), study)
    assert len(checkpoints(tmp_path / "2")) == 1
    states = []
    for name in "12":
        one = task(tmp_path / name, study=study)
        train_network(one, NETWORK, on_images(one, (IMAGES,)))
        states.append(load_file(one.site.decider("c-0", NETWORK.name)))
    assert equal(*states)
    assert checkpoints(tmp_path / "2") == []


@pytest.mark.parametrize("count", [17, 16])
def test_a_network_that_was_interrupted_on_other_images_begins_anew(tmp_path, count):
    """Also on other images of the same number, on which it could go on without anybody noticing."""
    study = replace(STUDY, pretrain=replace(FEW, steps=8))
    other = pictures(count, seed=51)
    stopped(tmp_path / "2", (SharedImages(other.images, other.labels),), study)
    states = []
    for name in "12":
        one = task(tmp_path / name, study=study)
        train_network(one, NETWORK, on_images(one, (IMAGES,)))
        states.append(load_file(one.site.decider("c-0", NETWORK.name)))
    assert equal(*states)


def test_a_network_of_its_own_stops_early_where_the_leads_would(tmp_path, monkeypatch):
    """Every epoch answers as well as the first: with a patience of one, the third is the last."""
    epochs = []
    monkeypatch.setattr(refine_module, "accuracy", lambda *_: Accuracy(torch.ones(1, dtype=torch.bool), 0.5, None))
    study = replace(STUDY, pretrain=replace(FEW, steps=40, patience=1))
    one = task(tmp_path, study=study, report=lambda progress: epochs.append(progress.epoch))
    train_network(one, NETWORK, on_images(one, ()))
    assert max(epochs) < 5
    epochs.clear()
    patient = task(tmp_path, study=replace(STUDY, pretrain=replace(FEW, steps=40)), report=lambda progress: epochs.append(progress.epoch))
    train_network(patient, NETWORK, on_images(patient, ()))
    assert max(epochs) == 40 // (len(patient.train) // FEW.batch_size)
