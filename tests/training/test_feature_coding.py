from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch.nn import functional

from dpm_flower.core.compute import torch_threads
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.feature_autoencoder import FeatureAutoencoder
from dpm_flower.training import feature_coding
from dpm_flower.training.compressibility import compressibility, standardised
from dpm_flower.training.feature_coding import CodingLoss, train_feature_coding
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.prediction import apply
from tests.training.toys import CHANNELS, CPU, equal, pictures, state_of, telling_nets

PICTURES = pictures(48)
FITTING = Fitting(steps=60, learning_rate=1e-2, batch_size=16, weight_decay=0.0)


@pytest.fixture(autouse=True)
def _one_thread():
    with torch_threads(1):
        yield


def trained(loss, fitting=FITTING):
    nets = telling_nets()
    victims = Victims(PICTURES.images, apply(nets.featurizer, PICTURES.images, CPU), PICTURES.labels)
    with global_generator_from(stream(0, "autoencoder")):
        autoencoder = FeatureAutoencoder(CHANNELS, bottleneck=3)
    fitted = train_feature_coding(autoencoder, nets, victims, loss, fitting, compute=CPU, rng=stream(0, "coding"))
    return autoencoder, victims, nets, fitted


def through(victims, *autoencoders):
    return (apply(one, victims.features, CPU) for one in autoencoders)


UTILITY = CodingLoss(compress=0.0, disturb=0.0)


@pytest.mark.parametrize("equivalence", ["labels", "response", "activations"])
def test_the_decider_reads_what_comes_through_as_it_reads_the_features(equivalence):
    loss = replace(UTILITY, equivalence=equivalence)
    autoencoder, victims, nets, _ = trained(loss)
    untrained = trained(loss, replace(FITTING, steps=1))[0]
    raw, *coded = (apply(nets.decider, each, CPU).log_softmax(1) for each in (victims.features, *through(victims, autoencoder, untrained)))
    errors = [(logits - raw).square().mean() for logits in coded]
    entropies = [functional.nll_loss(logits, victims.labels) for logits in coded]
    assert entropies[0] < entropies[1] if equivalence == "labels" else errors[0] < 0.5 * errors[1]


def test_compressibility_is_bought_with_its_weight():
    costs = []
    for compress in (0.0, 1.0):
        autoencoder, victims, _, _ = trained(replace(UTILITY, compress=compress))
        costs.append(float(compressibility(standardised(apply(autoencoder.encoder, victims.features, CPU)))))
    assert costs[1] < 0.8 * costs[0]


def test_public_networks_and_features_are_left_alone():
    nets = telling_nets()
    before = [state_of(module) for module in (nets.featurizer, nets.decider, nets.reconstructor)]
    _, victims, _, _ = trained(CodingLoss(), replace(FITTING, steps=3))
    assert all(
        equal(one, state_of(module)) for one, module in zip(before, (nets.featurizer, nets.decider, nets.reconstructor), strict=True)
    )
    assert torch.equal(victims.features, apply(nets.featurizer, PICTURES.images, CPU))


class Watched(feature_coding.AdversaryPool):
    """A pool that notes what it is given."""

    seen: ClassVar[list] = []

    def adapt(self, narrow, images):
        before = self.loss(images, self.guesses(narrow)[0]).item()
        super().adapt(narrow, images)
        self.seen.append((self.features, narrow.shape[1:], images, before, self.loss(images, self.guesses(narrow)[0]).item()))


def test_a_reconstructor_of_the_bottleneck_adapts_by_the_edge_aware_loss_and_its_loss_counts_against(monkeypatch):
    monkeypatch.setattr(feature_coding, "AdversaryPool", Watched)
    monkeypatch.setattr(Watched, "seen", [])
    _, _, _, fitted = trained(CodingLoss(compress=0.0, disturb=0.5), replace(FITTING, steps=30))
    assert len(Watched.seen) == 30
    assert {features for features, *_ in Watched.seen} == {(3, 6, 6)}
    assert sum(after < before for *_, before, after in Watched.seen) > 20
    assert sum(after for *_, after in Watched.seen[-5:]) < sum(before for *_, before, _ in Watched.seen[:5])
    _, _, _, plain = trained(UTILITY, replace(FITTING, steps=30))
    assert fitted.loss < plain.loss


def test_without_disturbance_nobody_is_trained_beside_it(monkeypatch):
    def refuse(*args):
        raise AssertionError("a reconstructor was made")

    monkeypatch.setattr(feature_coding, "AdversaryPool", refuse)
    *_, fitted = trained(UTILITY, replace(FITTING, steps=2))
    assert fitted.steps == 2


def test_disturbance_makes_the_reconstruction_of_its_own_adversary_worse(monkeypatch):
    monkeypatch.setattr(feature_coding, "AdversaryPool", Watched)
    ends = []
    for disturb in (1e-6, 3.0):
        monkeypatch.setattr(Watched, "seen", [])
        trained(CodingLoss(compress=0.0, disturb=disturb), replace(FITTING, steps=80))
        ends.append(sum(before for *_, before, _ in Watched.seen[-10:]))
    assert ends[1] > 1.1 * ends[0]


def test_the_same_stream_trains_the_same_autoencoder():
    loss, fitting = CodingLoss(), replace(FITTING, steps=3)
    assert equal(state_of(trained(loss, fitting)[0]), state_of(trained(loss, fitting)[0]))


@pytest.mark.parametrize(
    "knobs", [{"equivalence": "sums"}, {"compress": -1.0}, {"disturb": -0.1}, {"beta": float("inf")}, {"disturb": float("nan")}]
)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError):
        CodingLoss(**knobs)
