from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.methods.deep_obfuscator import DeepObfuscator
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.obfuscation import Obfuscation
from dpm_flower.training.prediction import accuracy, apply
from dpm_flower.training.privacy import PrivacyTerm
from tests.attacks.peers import VICTIMS, release, score, sharer
from tests.attacks.views import NETS as SEEING
from tests.attacks.views import features as raw
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import CPU, equal, pictures, state_of

CYCLE = Obfuscation(
    adversary=Adversaries(count=1, steps=2, restart=0, learning_rate=0.01),
    fitting=Fitting(steps=9, learning_rate=0.01, batch_size=8, weight_decay=0.0),
)
METHOD = DeepObfuscator(obfuscation=CYCLE)
HIDING = replace(METHOD, obfuscation=replace(CYCLE, fitting=replace(CYCLE.fitting, steps=60, batch_size=16)))
INVERSE = Inverse(blocks=1, fitting=Fitting(steps=100, learning_rate=0.03, batch_size=16, weight_decay=0.0))


def test_it_shares_features_in_the_decider_s_space_that_are_not_the_raw_ones():
    batch = METHOD.prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
    assert isinstance(batch, SharedFeatures)
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert float(batch.features.min()) >= 0
    assert not torch.allclose(batch.features, features(PRIVATE.images), atol=1e-2)


def test_all_entities_come_to_the_same_obfuscator_whatever_their_images_and_streams():
    one = METHOD.prepare(preparation("entity-a"))
    other = METHOD.prepare(replace(preparation("entity-b"), private=pictures(18, seed=7), validation=pictures(6, seed=8)))
    assert equal(state_of(one.obfuscator), state_of(other.obfuscator))
    elsewhere = METHOD.prepare(replace(preparation(), public=pictures(12, seed=3)))
    assert not equal(state_of(one.obfuscator), state_of(elsewhere.obfuscator))


def test_preparing_moves_nobody_s_stream_and_no_public_network():
    given, tensors = preparation(), NETS.tensors()
    before = given.rng.get_state()
    METHOD.prepare(given)
    assert torch.equal(given.rng.get_state(), before)
    assert equal(NETS.tensors(), tensors)
    assert not any(parameter.requires_grad for parameter in NETS.featurizer.parameters())


def test_each_knob_changes_it_and_its_training_is_reported():
    methods = [METHOD, replace(METHOD, equivalence="response"), replace(METHOD, obfuscation=replace(CYCLE, noise=2.0))]
    states = [state_of(method.prepare(preparation()).obfuscator) for method in methods]
    assert not any(equal(one, other) for place, one in enumerate(states) for other in states[:place])
    seen = []
    METHOD.prepare(preparation(report=seen.append))
    assert (seen[-1].work, seen[-1].step, seen[-1].steps) == ("obfuscator", 9, 9)


def test_the_decider_reads_obfuscated_features_nearly_as_raw_ones():
    on_raw, on_shared = (
        accuracy(SEEING.decider, inputs, VICTIMS.labels, CPU).top1 for inputs in (raw(VICTIMS.images), release(HIDING).features)
    )
    assert on_shared > on_raw - 0.15 > 0.6


def test_who_has_the_recipe_has_the_obfuscator(tmp_path):
    """A2's shadow is the victim's own module, bit for bit: what it makes of the auxiliary images is what A4's oracle answers."""
    shared = []

    def noting(images, labels):
        shared.append(sharer(HIDING).share(images, labels).features)
        return sharer(HIDING).share(images, labels)

    by_recipe = score(tmp_path / "A2", Shadow(inverse=INVERSE), HIDING)
    by_use = score(tmp_path / "A4", BlackBoxInversion(inverse=INVERSE), HIDING, oracle=noting)
    assert shared
    assert by_recipe == pytest.approx(by_use, abs=0.05)


def test_a_shadow_s_obfuscator_is_the_victim_s_bit_for_bit(tmp_path):
    """What A2 prepares with: its own images, labels and stream."""
    victim = METHOD.prepare(preparation("victim"))
    shadow = METHOD.prepare(replace(preparation("attacker"), private=pictures(30, seed=11)))
    images = pictures(6, seed=12).images
    assert torch.equal(apply(victim.obfuscator, images, CPU), apply(shadow.obfuscator, images, CPU))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"equivalence": "labels"}, "equivalence must be one of response, activations, got 'labels'"),
        ({"obfuscation": replace(CYCLE, privacy=PrivacyTerm())}, "public images have no private attributes"),
    ],
)
def test_a_knob_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(METHOD, **changes)


def test_it_is_a_frozen_method_whose_name_is_in_manifests():
    assert isinstance(METHOD, SharingMethod)
    assert METHOD.name == "deep-obfuscator"
    assert replace(METHOD) == METHOD != HIDING
    with pytest.raises(FrozenInstanceError):
        METHOD.name = "other"  # type: ignore[misc]
