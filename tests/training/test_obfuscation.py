from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.multi_scale_ssim import multi_scale_ssim
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.nets.obfuscator import obfuscator_from
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.training import obfuscation
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.attribute_reader import AttributeReader
from dpm_flower.training.obfuscation import USUAL, DeciderUtility, Obfuscation, recovery_loss, train_obfuscation
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.prediction import apply
from dpm_flower.training.privacy import PrivacyTerm
from dpm_flower.training.reconstruction import train_reconstructor
from tests.training.faces import RED, Kept, faces
from tests.training.test_privacy import NETS
from tests.training.toys import CHANNELS, CPU, SIDE, equal, pictures, state_of, telling_nets

DATA, SEEN = faces(48), pictures(48)
SETTINGS = Obfuscation(
    adversary=Adversaries(count=1, steps=2, restart=0, learning_rate=0.01),
    fitting=Fitting(steps=60, learning_rate=0.01, batch_size=16, weight_decay=0.0),
)
BRIEF = replace(SETTINGS, fitting=replace(SETTINGS.fitting, steps=8))
TERM = PrivacyTerm(weight=1.0, steps=2, learning_rate=0.02, convolutions=(1,))


def victims(nets, data=DATA):
    return Victims(data.images, apply(nets.featurizer, data.images, CPU), data.labels)


def trained(settings, utility=None, attributes=None, nets=NETS, owner="obfuscator", data=DATA):
    obfuscator = obfuscator_from(nets.featurizer)
    utility = utility or DeciderUtility(nets, victims(nets, data), "activations", CPU)
    rng = stream(0, owner)
    train_obfuscation(obfuscator, utility, data.images, nets.spec.shape, settings, compute=CPU, rng=rng, attributes=attributes)
    return obfuscator


def seen(reconstructor, obfuscator):
    return float(sign_aware_ssim(SEEN.images, apply(reconstructor, apply(obfuscator, SEEN.images, CPU), CPU)).mean())


def test_it_hides_from_the_public_reconstructor_and_not_from_who_learns_to_undo_it():
    nets, others = telling_nets(), pictures(64, seed=5)
    obfuscator = trained(SETTINGS, nets=nets, data=SEEN)
    with global_generator_from(stream(0, "inverse")):
        inverse = Reconstructor(nets.spec.shape, SIDE, "plain", 1)
    fitting = replace(SETTINGS.fitting, steps=100, learning_rate=0.03)
    train_reconstructor(inverse, apply(obfuscator, others.images, CPU), others.images, fitting, compute=CPU, rng=stream(0, "b"))
    before, private, shared = seen(nets.reconstructor, nets.featurizer), seen(nets.reconstructor, obfuscator), seen(inverse, obfuscator)
    assert private < 0.6 * before
    assert shared > private + 0.4 * (before - private)


def adversary_s_view(monkeypatch, **weights):
    """How alike the images are to what the adversary makes of them that has learnt beside the obfuscator, utility aside."""
    pools = []

    class Kept(obfuscation.AdversaryPool):
        def __post_init__(self):
            super().__post_init__()
            pools.append(self)

    monkeypatch.setattr(obfuscation, "AdversaryPool", Kept)
    obfuscator = trained(replace(SETTINGS, **weights), Indifferent(), data=SEEN)
    with torch.no_grad():
        (guesses,) = pools[0].guesses(apply(obfuscator, SEEN.images, CPU))
    return float(multi_scale_ssim(SEEN.images, guesses).mean())


def test_it_is_turned_against_the_adversary_that_learns_beside_it(monkeypatch):
    idle, hiding = (adversary_s_view(monkeypatch, noise=0.0, unlike=weight) for weight in (1e-9, 4.0))
    assert hiding < idle - 0.03


def test_the_decider_still_answers_nearly_as_on_raw_features():
    wanted = apply(NETS.decider.trunk, victims(NETS).features, CPU)
    unbound = trained(SETTINGS, utility=Indifferent())
    apart = [
        float((apply(NETS.decider.trunk, apply(one, DATA.images, CPU), CPU) - wanted).square().mean())
        for one in (trained(SETTINGS), unbound)
    ]
    assert apart[0] < 0.5 * apart[1]


class Indifferent:
    """A utility that is served by everything, and takes notes of the turns that it is asked in."""

    def __init__(self):
        self.turns = []

    def loss(self, features, indices):
        self.turns.append("loss")
        return 0.0 * features.sum()

    def learn(self, features, indices):
        self.turns.append("learn")


@pytest.mark.parametrize(
    ("settings", "attributes", "losses"),
    [
        (BRIEF, None, 3),
        (replace(BRIEF, privacy=TERM), DATA.attributes, 4),
        (replace(BRIEF, noise=0.0), None, 2),
        (replace(BRIEF, unlike=0.0, noise=0.0), None, 1),
    ],
)
def test_utility_begins_each_cycle_and_the_classifier_learns_once_in_it(settings, attributes, losses):
    utility = Indifferent()
    trained(settings, utility, attributes)
    cycle = ["learn", *["loss"] * losses]
    assert utility.turns == (cycle * 8)[: len(utility.turns)]
    assert utility.turns.count("loss") == 8


def test_adversaries_learn_once_in_each_cycle_however_many_losses_it_has(monkeypatch):
    asked = []

    class Noting(obfuscation.AdversaryPool):
        def adapt(self, features, images):
            asked.append("adapt")
            super().adapt(features, images)

        def guesses(self, features):
            asked.append("guess")
            return super().guesses(features)

    monkeypatch.setattr(obfuscation, "AdversaryPool", Noting)
    trained(replace(BRIEF, privacy=TERM), Indifferent(), DATA.attributes)
    assert asked == ["adapt", "guess", "guess"] * 2


def test_it_is_moved_against_the_classifier_that_reads_private_attributes():
    losses = []
    for weight in (1e-9, 4.0):
        term = Kept(weight=weight, learning_rate=0.01, convolutions=(1,))
        obfuscator = trained(replace(SETTINGS, unlike=0.0, noise=0.0, privacy=term), attributes=DATA.attributes[:, [RED]])
        losses.append(float(term.readers[0].loss(apply(obfuscator, DATA.images, CPU), torch.arange(48))))
    assert losses[1] > 1.5 * losses[0]


def test_the_utility_classifier_learns_with_it():
    with global_generator_from(stream(0, "classifier")):
        classifier = feature_classifier(CHANNELS, 2, (1,))
    utility = AttributeReader(classifier, DATA.attributes, CPU, 0.02, steps=2)
    obfuscator = trained(replace(SETTINGS, unlike=0.1, noise=0.1), utility)
    answers = apply(classifier, apply(obfuscator, DATA.images, CPU), CPU) > 0
    assert float((answers == (DATA.attributes == 1)).float().mean()) > 0.9


def test_every_knob_counts_and_the_stream_decides_the_rest():
    variants = [
        (BRIEF, "obfuscator"),
        (BRIEF, "another"),
        (replace(BRIEF, unlike=2.0), "obfuscator"),
        (replace(BRIEF, noise=2.0), "obfuscator"),
        (replace(BRIEF, privacy=TERM), "obfuscator"),
        (replace(BRIEF, adversary=replace(BRIEF.adversary, steps=1)), "obfuscator"),
    ]
    states = [state_of(trained(settings, attributes=DATA.attributes, owner=owner)) for settings, owner in variants]
    assert equal(states[0], state_of(trained(BRIEF)))  # attributes that nobody is to hide change nothing
    assert not any(equal(one, other) for place, one in enumerate(states) for other in states[:place])


def test_the_adversary_s_loss_is_least_for_the_images_and_has_a_slope_everywhere():
    images = DATA.images[:4]
    negative = (1 - images).requires_grad_(True)
    recovery_loss(images, negative).backward()
    assert float(negative.grad.abs().min()) > 0
    assert float(recovery_loss(images, images)) < 1e-6 < 0.5 < float(recovery_loss(images, negative.detach()))


def test_published_rates_are_the_usual_ones():
    assert USUAL.fitting.learning_rate == USUAL.adversary.learning_rate == 1e-4
    assert USUAL.fitting.weight_decay == 0


@pytest.mark.parametrize("changes", [{"unlike": -1.0}, {"noise": float("nan")}, {"fitting": replace(BRIEF.fitting, patience=1)}])
def test_knobs_that_cannot_work_are_refused(changes):
    with pytest.raises(SettingError, match=r"weights must be >= 0|without patience"):
        replace(BRIEF, **changes)


def test_a_privacy_term_needs_attributes():
    with pytest.raises(SettingError, match="wanted private images with attributes"):
        trained(replace(BRIEF, privacy=TERM))
