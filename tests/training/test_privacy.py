from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.training.poisoning import Victims, train_poisoning
from dpm_flower.training.prediction import apply
from dpm_flower.training.privacy import PrivacyTerm
from tests.training.faces import RED, Kept, faces
from tests.training.toys import CHANNELS, CPU, equal, public_nets, state_of

NETS = public_nets()
DATA = faces(48)
FEATURES = apply(NETS.featurizer, DATA.images, CPU)
FITTING = Fitting(steps=60, batch_size=16, learning_rate=0.02, weight_decay=0.0)
TERM = PrivacyTerm(weight=4.0, steps=2, learning_rate=0.02, convolutions=(1,))


def trained(privacy, attributes, fitting=FITTING, weight=0.0):
    with global_generator_from(stream(0, "module")):
        module = DeepPoisoningModule(CHANNELS, blocks=1)
    victims = Victims(DATA.images, FEATURES, DATA.labels, attributes)
    train_poisoning(module, NETS, victims, "activations", weight, fitting, compute=CPU, rng=stream(0, "a"), privacy=privacy)
    return module


def test_the_module_is_moved_to_leave_its_reader_with_what_it_would_know_without_looking():
    told = []
    for weight in (1e-9, 4.0):
        term = Kept(weight=weight, learning_rate=0.01, convolutions=(1,))
        module = trained(term, DATA.attributes[:, [RED]])
        told.append(float(term.readers[0].uninformed(apply(module, FEATURES, CPU))))
    assert told[1] < 0.5 * told[0]


def test_the_term_changes_the_module_and_the_same_stream_makes_the_same_one():
    brief = replace(FITTING, steps=4)
    with_term = [state_of(trained(TERM, DATA.attributes, brief)) for _ in range(2)]
    assert equal(*with_term)
    assert not equal(with_term[0], state_of(trained(None, DATA.attributes, brief)))
    assert not equal(with_term[0], state_of(trained(replace(TERM, weight=1.0), DATA.attributes, brief)))


def test_attributes_without_a_term_change_nothing_and_neither_do_unknown_ones_of_some_images():
    brief = replace(FITTING, steps=4)
    assert equal(state_of(trained(None, DATA.attributes, brief)), state_of(trained(None, None, brief)))
    unknown = torch.full_like(DATA.attributes, UNKNOWN)
    assert all(bool(value.isfinite().all()) for value in state_of(trained(TERM, unknown, brief)).values())


def test_without_attributes_there_is_nothing_to_hide():
    with pytest.raises(SettingError, match="wanted private images with attributes for PrivacyTerm"):
        trained(TERM, None)


@pytest.mark.parametrize("knobs", [{"weight": -1.0}, {"weight": float("nan")}, {"steps": 0}, {"learning_rate": 0.0}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted weight >= 0"):
        PrivacyTerm(**knobs)
    with pytest.raises(SettingError, match="convolutions by stage"):
        PrivacyTerm(convolutions=())
