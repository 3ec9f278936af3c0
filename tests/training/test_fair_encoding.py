from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.nets.feature_classifier import feature_classifier
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.training import fair_encoding
from dpm_flower.training.fair_encoding import FairLoss, train_fair_encoding
from dpm_flower.training.losses import multi_label_loss
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.prediction import apply
from dpm_flower.training.privacy import PrivacyTerm
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.supervised import Examples, train_classifier
from tests.training.faces import RED, faces
from tests.training.toys import CHANNELS, CLASSES, CPU, SIDE, equal, public_nets, state_of

NETS = public_nets()
DATA, OTHERS = faces(96), faces(48, seed=1)
RAW, RAW_OTHERS = (apply(NETS.featurizer, each.images, CPU) for each in (DATA, OTHERS))
HAS, HAVE = DATA.attributes[:, [RED]], OTHERS.attributes[:, [RED]]
CHANCE = float(torch.tensor(2.0).log())  # half of the images have it
FITTING = Fitting(steps=120, batch_size=32, learning_rate=0.02, weight_decay=0.0)
BRIEF, JUDGING = replace(FITTING, steps=4), replace(FITTING, steps=60)
LOSS = FairLoss(task=4.0, reconstruction=0.05, audit=2.0, steps=4, learning_rate=0.02)


def trained(loss, attributes, fitting=FITTING):
    with global_generator_from(stream(0, "encoder")):
        encoder = DeepPoisoningModule(CHANNELS, blocks=2)
    victims = Victims(DATA.images, RAW, DATA.labels, attributes)
    train_fair_encoding(encoder, NETS, victims, loss, fitting, compute=CPU, rng=stream(0, "a"))
    return encoder


def fresh(outputs):
    with global_generator_from(stream(0, "judge")):
        return feature_classifier(CHANNELS, outputs, (1,))


def told(encode):
    """How badly a fresh auditor reads the attribute of other images from what is made of their features, in parts of chance."""
    reader = fresh(1)
    train_classifier(reader, Examples(encode(RAW), HAS), JUDGING, compute=CPU, rng=stream(0, "judge"), work="judge")
    return float(multi_label_loss(apply(reader, encode(RAW_OTHERS), CPU), HAVE)) / CHANCE


def top1(encode):
    """How many other images a fresh classifier tells rightly."""
    judge = fresh(CLASSES)
    train_classifier(judge, Examples(encode(RAW), DATA.labels), JUDGING, compute=CPU, rng=stream(0, "judge"), work="judge")
    return float((apply(judge, encode(RAW_OTHERS), CPU).argmax(1) == OTHERS.labels).float().mean())


def through(encoder):
    return lambda features: apply(encoder, features, CPU)


def test_an_auditor_of_what_features_held_plainly_is_left_at_chance_while_the_task_stays_learnt():
    fair, unaudited = through(trained(LOSS, HAS)), through(trained(replace(LOSS, audit=0.0), HAS))
    assert told(lambda features: features) < 0.2
    assert told(unaudited) < 0.6
    assert told(fair) > 0.85
    assert top1(fair) > 0.9


def test_without_attributes_the_image_is_what_is_hidden():
    likeness, faster = [], replace(FITTING, learning_rate=0.05)
    for audit in (0.0, 4.0):
        encode = through(trained(FairLoss(audit=audit, steps=2, learning_rate=0.02), None, faster))
        with global_generator_from(stream(0, "judge")):
            judge = Reconstructor(NETS.spec.shape, SIDE, blocks=1)
        train_reconstructor(judge, encode(RAW), DATA.images, JUDGING, compute=CPU, rng=stream(0, "judge"))
        likeness.append(float(sign_aware_ssim(OTHERS.images, apply(judge, encode(RAW_OTHERS), CPU)).abs().mean()))
    assert likeness[1] < 0.8 * likeness[0], likeness


def test_with_a_weight_of_0_there_is_no_auditor(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(fair_encoding, "AdversaryPool", never)
    monkeypatch.setattr(PrivacyTerm, "reader", never)
    alone = replace(LOSS, audit=0.0)
    first = state_of(trained(alone, HAS, BRIEF))
    assert equal(first, state_of(trained(alone, None, BRIEF)))
    assert equal(first, state_of(trained(replace(alone, steps=1, learning_rate=0.1), HAS, BRIEF)))
    for attributes in (HAS, None):
        with pytest.raises(AssertionError):
            trained(LOSS, attributes, BRIEF)


def test_reconstruction_holds_what_is_encoded_to_the_raw_features():
    apart = []
    for weight in (0.0, 1.0):
        encoded = through(trained(FairLoss(reconstruction=weight, audit=0.0), None))(RAW)
        apart.append(float((encoded - RAW).square().mean() / RAW.var()))
    assert apart[1] < 0.5 < apart[0], apart


def test_each_weight_changes_the_encoder_and_the_same_stream_makes_the_same_one():
    losses = [LOSS, replace(LOSS, task=2.0), replace(LOSS, reconstruction=2.0), replace(LOSS, audit=1.0), replace(LOSS, steps=1)]
    states = [state_of(trained(loss, HAS, BRIEF)) for loss in losses]
    assert not any(equal(one, other) for place, one in enumerate(states) for other in states[:place])
    assert equal(states[0], state_of(trained(LOSS, HAS, BRIEF)))
    assert not equal(states[0], state_of(trained(LOSS, HAS.flip(0), BRIEF)))


def test_public_networks_stay_and_attributes_that_nobody_knows_move_nothing_to_infinity():
    before = NETS.tensors()
    encoder = trained(LOSS, torch.full_like(HAS, UNKNOWN), BRIEF)
    assert all(bool(value.isfinite().all()) for value in state_of(encoder).values())
    assert equal(NETS.tensors(), before)
    assert not any(parameter.requires_grad for parameter in NETS.decider.parameters())


@pytest.mark.parametrize("knobs", [{"task": -1.0}, {"reconstruction": float("nan")}, {"audit": float("inf")}])
def test_weights_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match=f"{next(iter(knobs))} must be >= 0 and finite"):
        FairLoss(**knobs)


def test_an_auditor_that_cannot_learn_is_refused():
    with pytest.raises(SettingError, match="steps"):
        FairLoss(steps=0)
    with pytest.raises(SettingError, match="learning_rate"):
        FairLoss(learning_rate=0.0)
