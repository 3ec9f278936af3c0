import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.core.errors import OutputError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.shared import SharedFeatures, SharedImages
from dpm_flower.regime.pooling import PooledFeatures, PooledImages
from dpm_flower.regime.pretrain import fresh_nets
from dpm_flower.regime.refine import Round, network_tensors, refine, refine_shared, round_fitting, train_network
from dpm_flower.training.prediction import apply
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
            pooled.take(batch)
        examples = pooled.examples
        return Examples(examples.inputs[torch.arange(len(examples.inputs))], examples.labels)


def on_images(one, received):
    pooled = PooledImages(one)
    for batch in received:
        pooled.take(batch)
    return pooled.examples


def refined(folder, received=(FEATURES,), arm=OWN, nets=NETS, **changes):
    one = task(folder, **changes)
    assert refine(one, nets, arm, on_features(one, received, nets)) > 0
    return load_file(one.site.decider("c-0", arm.name))


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
        assert train_network(one, NETWORK, on_images(one, received)) > 0
        assert not one.site.checkpoint("c-0", NETWORK.name).exists()
        return load_file(one.site.decider("c-0", NETWORK.name))

    with_peer = trained(tmp_path / "1", (IMAGES,))
    fresh = network_tensors(fresh_nets(task(tmp_path)))
    assert with_peer.keys() == fresh.keys()
    assert not equal(with_peer, fresh)
    assert equal(trained(tmp_path / "2", (IMAGES,)), with_peer)
    assert not equal(trained(tmp_path / "3", ()), with_peer)


def test_a_network_is_trained_on_own_and_received_images_together(tmp_path):
    one, nets = task(tmp_path), fresh_nets(task(tmp_path))
    examples = Examples(torch.cat([one.train.images, PEER.images]), torch.cat([one.train.labels, PEER.labels]))
    train_classifier(nets.whole_network(), examples, FEW, compute=CPU, rng=one.stream("network", NETWORK.name), work="network")
    train_network(one, NETWORK, on_images(one, (IMAGES,)))
    assert equal(load_file(one.site.decider("c-0", NETWORK.name)), network_tensors(nets))


def test_an_interrupted_network_goes_on_to_the_same_bits(tmp_path):
    def stop(progress):
        if progress.epoch > 1:
            raise InterruptedError

    study = replace(STUDY, pretrain=replace(FEW, steps=8))
    train_network(task(tmp_path / "1", study=study), NETWORK, on_images(task(tmp_path), (IMAGES,)))
    with pytest.raises(InterruptedError):
        train_network(task(tmp_path / "2", study=study, report=stop), NETWORK, on_images(task(tmp_path), (IMAGES,)))
    assert task(tmp_path / "2").site.checkpoint("c-0", NETWORK.name).exists()
    train_network(task(tmp_path / "2", study=study), NETWORK, on_images(task(tmp_path), (IMAGES,)))
    states = [load_file(task(tmp_path / name).site.decider("c-0", NETWORK.name)) for name in "12"]
    assert equal(*states)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    one = task(tmp_path)
    (one.site.folder / "c-0").mkdir(parents=True)
    (one.site.folder / "c-0" / "deciders").write_text("")
    examples = on_features(one, ())
    with pytest.raises(OutputError):
        refine(one, NETS, OWN, examples)
    with pytest.raises(OutputError):
        train_network(one, NETWORK, on_images(one, ()))


@pytest.mark.parametrize("max_epochs", [None, 1, 3])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
@pytest.mark.parametrize("rounds", [1, 3, 4, 10])
@pytest.mark.parametrize("images", [5, 40, 1000])
def test_the_rounds_take_exactly_the_steps_that_are_taken_alone(steps, rounds, images, max_epochs):
    alone = Fitting(steps=steps, learning_rate=0.1, batch_size=8, max_epochs=max_epochs)
    parts = [round_fitting(alone, Round(number, rounds), images) for number in range(1, rounds + 1)]
    taken = [part.steps_for(images) if part else 0 for part in parts]
    assert sum(taken) == alone.steps_for(images)
    assert max(taken) - min(taken) <= 1


def test_the_rate_falls_along_half_a_cosine_over_the_rounds():
    parts = [round_fitting(FEW, Round(number, 3), 40) for number in (1, 2, 3)]
    wanted = [FEW.learning_rate * (1 + math.cos(math.pi * done / 3)) / 2 for done in (0, 1, 2)]
    assert [part.learning_rate for part in parts] == pytest.approx(wanted)
    assert all(part.schedule == "cosine" and part.batch_size == FEW.batch_size for part in parts)
    assert round_fitting(FEW, Round(1, 1), 40) == replace(FEW, schedule="cosine")
