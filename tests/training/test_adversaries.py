from dataclasses import replace
from statistics import fmean

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.training.adversaries import ARCHITECTURES, Adversaries, AdversaryPool
from dpm_flower.training.losses import reconstruction_loss
from dpm_flower.training.poisoning import Victims, train_poisoning
from dpm_flower.training.prediction import apply
from dpm_flower.training.reconstruction import train_reconstructor
from tests.training.toys import CHANNELS, CPU, SIDE, equal, pictures, state_of, telling_nets

NETS = telling_nets()
DATA = pictures(48)
FEATURES = apply(NETS.featurizer, DATA.images, CPU)


def pool(seed=0, **knobs):
    return AdversaryPool(Adversaries(**knobs), NETS.spec.shape, SIDE, CPU, stream(seed, "adversaries"))


def states(adversaries):
    return [{name: value.clone() for name, value in network.state_dict().items()} for network in adversaries._networks]


def test_they_learn_to_undo_what_they_are_shown_and_nothing_else_is_moved():
    adversaries = pool(count=2, restart=0)
    poisoned = FEATURES.clone().requires_grad_(True)
    before = [float(reconstruction_loss(DATA.images, one).detach()) for one in adversaries.guesses(FEATURES)]
    for _ in range(60):
        adversaries.adapt(poisoned, DATA.images)
    after = [float(reconstruction_loss(DATA.images, one).detach()) for one in adversaries.guesses(FEATURES)]
    assert all(late < 0.8 * early for early, late in zip(before, after, strict=True))
    assert poisoned.grad is None
    assert not any(parameter.requires_grad for network in adversaries._networks for parameter in network.parameters())


def test_what_they_guess_leads_back_to_what_they_were_shown():
    poisoned = FEATURES.clone().requires_grad_(True)
    sum(one.mean() for one in pool().guesses(poisoned)).backward()
    assert float(poisoned.grad.abs().sum()) > 0


def test_neighbours_are_of_different_architectures_and_weights():
    adversaries = pool(count=5)
    kinds = [(network.notation.split("-")[0], int(network.notation.split("-")[1])) for network in adversaries._networks]
    assert kinds == [*ARCHITECTURES, ARCHITECTURES[0]]
    first, last = adversaries._networks[0].state_dict(), adversaries._networks[4].state_dict()
    assert not equal(first, last)


def test_the_eldest_begins_anew_and_the_others_go_on():
    adversaries, fresh = pool(count=2, restart=2), []
    for _ in range(5):
        before = states(adversaries)
        adversaries.adapt(FEATURES, DATA.images)
        moved = [
            max(float((new[n] - old[n]).abs().max()) for n in old if "weight" in n)
            for new, old in zip(states(adversaries), before, strict=True)
        ]
        fresh.append([change > 0.05 for change in moved])  # one gradient step moves a weight by the learning rate, 0.003
    assert fresh == [[False, False], [False, False], [True, False], [False, False], [False, True]]


def test_the_stream_decides_them():
    for adversaries in (one := pool(), other := pool(), third := pool(1)):
        adversaries.adapt(FEATURES, DATA.images)
    assert all(equal(a, b) for a, b in zip(states(one), states(other), strict=True))
    assert not equal(states(one)[0], states(third)[0])


@pytest.mark.parametrize("knobs", [{"count": 0}, {"steps": 0}, {"restart": -1}, {"learning_rate": 0.0}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match=r"wanted count and steps|learning_rate must be > 0"):
        Adversaries(**knobs)


FITTING = Fitting(steps=60, batch_size=16, learning_rate=0.02, weight_decay=0.0)


def trained(adversaries, fitting=FITTING, seed=0):
    with global_generator_from(stream(seed, "module")):
        module = DeepPoisoningModule(CHANNELS, blocks=2)
    victims = Victims(DATA.images, FEATURES, DATA.labels)
    train_poisoning(module, NETS, victims, "activations", 3.0, fitting, compute=CPU, rng=stream(seed, "a"), adversaries=adversaries)
    return module


def recovered(module):
    """How near somebody comes who learns to undo the module on images of its own."""
    others = pictures(96, seed=5)
    with global_generator_from(stream(0, "inverse")):
        inverse = Reconstructor(NETS.spec.shape, SIDE, "plain", 2)
    known = apply(module, apply(NETS.featurizer, others.images, CPU), CPU)
    train_reconstructor(inverse, known, others.images, replace(FITTING, steps=150), compute=CPU, rng=stream(0, "b"))
    return float(sign_aware_ssim(DATA.images, apply(inverse, apply(module, FEATURES, CPU), CPU)).mean())


def test_a_module_that_was_trained_against_them_tells_less_to_who_learns_to_undo_it():
    def mean(adversaries):
        return fmean(recovered(trained(adversaries, seed=seed)) for seed in range(3))

    # in the mean: how much it is of one module depends on the last digits of a processor's arithmetic
    assert mean(Adversaries(count=2, restart=30)) < mean(None)


def test_they_change_the_module_and_the_same_stream_makes_the_same_one():
    brief = replace(FITTING, steps=4)
    with_them = [state_of(trained(Adversaries(count=1), brief)) for _ in range(2)]
    assert equal(*with_them)
    assert not equal(with_them[0], state_of(trained(None, brief)))
