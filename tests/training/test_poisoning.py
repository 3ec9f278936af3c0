from dataclasses import replace

import pytest
import torch

from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.nets.anchor_head import head_for
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.training.losses import EQUIVALENCES, disparity_loss, equivalence_loss
from dpm_flower.training.poisoning import Victims, train_poisoning
from dpm_flower.training.prediction import apply
from tests.training.toys import CHANNELS, CPU, equal, pictures, public_nets, state_of, telling_nets

NETS = telling_nets()
DATA = pictures(48)
VICTIMS = Victims(DATA.images, apply(NETS.featurizer, DATA.images, CPU), DATA.labels)
ONCE = Fitting(steps=1, batch_size=48, learning_rate=1e-3)
FITTING = Fitting(steps=60, batch_size=16, learning_rate=0.02, weight_decay=0.0)


def module():
    with global_generator_from(stream(0, "module")):
        return DeepPoisoningModule(CHANNELS, blocks=1)


def train(poisoner, equivalence, weight, fitting=FITTING, nets=NETS, **more):
    return train_poisoning(poisoner, nets, VICTIMS, equivalence, weight, fitting, compute=CPU, rng=stream(0, "a"), **more)


def slow_target(equivalence):
    activations = NETS.decider.activations(VICTIMS.features)
    match equivalence:
        case "labels":
            return DATA.labels, 1.0
        case "response":
            return NETS.decider.head(activations), 1.0
        case "activations":
            return activations, float(activations.std())


@pytest.mark.parametrize("equivalence", EQUIVALENCES)
@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_loss_is_equivalence_plus_weighted_disparity(equivalence, weight):
    fitted = train(module(), equivalence, weight, ONCE)
    poisoned = module().train()(VICTIMS.features)
    activations, (target, scale) = NETS.decider.activations(poisoned), slow_target(equivalence)
    equal_to = equivalence_loss(equivalence, activations, NETS.decider.head(activations), target, scale)
    slow = equal_to + weight * disparity_loss(DATA.images, NETS.reconstructor(poisoned))
    assert fitted.loss == pytest.approx(float(slow.detach()), rel=1e-4)


def test_the_public_networks_stay_frozen_and_unchanged():
    nets = public_nets()
    before = nets.tensors()
    train(module(), "activations", 1.0, replace(FITTING, steps=4), nets)
    assert equal(nets.tensors(), before)
    assert all(
        p.grad is None and not p.requires_grad for part in (nets.featurizer, nets.decider, nets.reconstructor) for p in part.parameters()
    )
    assert not any(part.training for part in (nets.featurizer, nets.decider, nets.reconstructor))


def test_the_victims_stay_as_they_are():
    before = VICTIMS.images.clone(), VICTIMS.features.clone()
    train(module(), "labels", 1.0, replace(FITTING, steps=4))
    assert torch.equal(VICTIMS.images, before[0])
    assert torch.equal(VICTIMS.features, before[1])


def likeness(poisoner):
    guesses = apply(NETS.reconstructor, apply(poisoner, VICTIMS.features, CPU), CPU)
    return float(sign_aware_ssim(DATA.images, guesses).abs().mean())


def test_weight_takes_likeness_away():
    kept, destroyed = module(), module()
    train(kept, "activations", 0.0)
    train(destroyed, "activations", 5.0)
    assert likeness(destroyed) < 0.75 * likeness(kept)


@pytest.mark.parametrize("equivalence", EQUIVALENCES)
def test_without_weight_it_keeps_what_the_decider_reads(equivalence):
    losses = []
    train(module(), equivalence, 0.0, report=lambda progress: losses.append(progress.loss))
    assert losses[-1] < 0.7 * losses[0] or (equivalence == "labels" and losses[-1] < losses[0])


def test_the_stream_decides_the_weights():
    one, other = module(), module()
    train(one, "response", 1.0, replace(FITTING, steps=6))
    train(other, "response", 1.0, replace(FITTING, steps=6))
    assert equal(state_of(one), state_of(other))
    assert not equal(state_of(one), state_of(module()))


def test_a_decider_that_answers_nothing_has_activations_to_equal_all_the_same():
    nets = public_nets()
    for parameter in nets.decider.parameters():
        parameter.zero_()
    assert train(module(), "activations", 0.0, replace(FITTING, steps=2), nets).loss == 0


@pytest.mark.parametrize("equivalence", EQUIVALENCES)
@pytest.mark.parametrize("loss", [AnchorLoss(norm=2.0), AnchorLoss(distance="cosine", scale=16.0)])
def test_a_module_learns_what_a_decider_with_anchors_reads(equivalence, loss):
    nets, losses = public_nets(), []
    nets.decider.head = head_for(loss, stream(0, "anchors"))(nets.decider.head)
    before = nets.tensors()
    train(module(), equivalence, 0.0, nets=nets, report=lambda progress: losses.append(progress.loss))
    assert losses[-1] < 0.9 * losses[0]
    assert equal(nets.tensors(), before)


def test_the_module_is_given_perturbed_features_and_has_to_equal_the_answer_to_the_raw_ones():
    fitted = train(module(), "activations", 0.7, ONCE, perturb=lambda features, rng: 0.5 * features)
    poisoned = module().train()(0.5 * VICTIMS.features)
    activations, (target, scale) = NETS.decider.activations(poisoned), slow_target("activations")
    equal_to = equivalence_loss("activations", activations, NETS.decider.head(activations), target, scale)
    slow = equal_to + 0.7 * disparity_loss(DATA.images, NETS.reconstructor(poisoned))
    assert fitted.loss == pytest.approx(float(slow.detach()), rel=1e-4)


def test_noise_is_drawn_anew_at_every_step_over_the_raw_features_of_the_batch():
    given, noises = [], []

    def perturb(features, rng):
        given.append(features.clone())
        noises.append(torch.randn(features.shape, generator=rng))
        return features + noises[-1]

    train(module(), "activations", 1.0, replace(FITTING, steps=7), perturb=perturb)
    assert len(noises) == 7
    assert not any(torch.equal(one, other) for index, one in enumerate(noises) for other in noises[:index])
    epochs = [torch.cat(given[start : start + 3]).flatten(1).sort(dim=0).values for start in (0, 3)]  # the order of images aside
    assert all(torch.equal(epoch, VICTIMS.features.flatten(1).sort(dim=0).values) for epoch in epochs)


def test_a_perturbation_that_changes_nothing_changes_nothing():
    one, other = module(), module()
    train(one, "response", 1.0, replace(FITTING, steps=6))
    train(other, "response", 1.0, replace(FITTING, steps=6), perturb=lambda features, rng: features)
    assert equal(state_of(one), state_of(other))
