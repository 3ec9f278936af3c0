from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.matched_poisoning import MatchedPoisoning
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.release_terms import ReleaseTerms, gradient_mismatch
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import CPU, equal

PLAIN = DeepPoisoning(blocks=1, fitting=Fitting(steps=40, batch_size=12, learning_rate=1e-2, weight_decay=0.0))
METHOD = MatchedPoisoning(blocks=PLAIN.blocks, fitting=PLAIN.fitting, terms=ReleaseTerms(gradients=5.0))


def released(method):
    return method.prepare(preparation()).share(PRIVATE.images, PRIVATE.labels).features


def mismatch(released_NChw):
    return gradient_mismatch(NETS.decider, released_NChw, features(PRIVATE.images), PRIVATE.labels).item()


def test_without_terms_it_releases_what_deep_poisoning_does_under_the_same_stream():
    assert torch.equal(released(replace(METHOD, terms=ReleaseTerms())), released(PLAIN))


def test_asked_for_gradients_its_module_moves_the_decider_more_as_raw_features_do():
    tensors = {name: one.clone() for name, one in NETS.tensors().items()}
    assert mismatch(released(METHOD)) < 0.8 * mismatch(released(PLAIN))
    assert equal(NETS.tensors(), tensors)


def test_labels_of_several_attributes_are_refused_where_gradients_are_matched_and_only_there():
    several = Victims(PRIVATE.images, features(PRIVATE.images), torch.zeros((len(PRIVATE), 3), dtype=torch.uint8))

    def train(method):
        module = method.fresh_module(NETS.spec, stream(0, "module"))
        return method.train(module, NETS, several, compute=CPU, rng=stream(0, "training"), report=silent)

    with pytest.raises(SettingError, match=r"every image has one class, got labels \(12, 3\)"):
        train(METHOD)
    train(replace(METHOD, terms=ReleaseTerms(linking=1.0)))


def test_it_is_a_method_of_its_own_name_that_stays_itself_without_attributes():
    assert isinstance(METHOD, SharingMethod)
    assert METHOD.name == "matched-poisoning" != PLAIN.name
    assert METHOD.without_attributes() == METHOD
