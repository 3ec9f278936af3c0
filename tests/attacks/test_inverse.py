from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from dpm_flower.attacks.inverse import USUAL, Inverse, reported_as, usual_or_notation
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Progress, silent
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from simulations.table1_2 import BASE as TABLES
from tests.attacks.views import FEATURES, PUBLIC, VICTIMS, features, view
from tests.training.toys import CPU, equal, state_of

BRIEF = Inverse(blocks=1, fitting=Fitting(steps=3, learning_rate=0.03, batch_size=12, weight_decay=0.0))


def trained(folder, examples):
    return BRIEF.trained(view(folder), stream(0, "attacker"), "A9", examples).inverse


def test_examples_are_asked_for_only_where_there_is_something_to_train(tmp_path):
    asked = []

    def examples():
        asked.append(1)
        return features(PUBLIC.images), PUBLIC.images

    first, again = trained(tmp_path, examples), trained(tmp_path, examples)
    assert asked == [1]
    assert equal(state_of(first), state_of(again))
    assert first.notation == BRIEF.notation == "plain-1-x2"
    assert first(FEATURES).shape == VICTIMS.images.shape


def test_examples_that_cannot_be_had_leave_nothing_behind(tmp_path):
    def examples():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        trained(tmp_path, examples)
    assert list(tmp_path.rglob(WEIGHTS)) == []


def test_without_a_view_it_learns_to_undo_features_of_images_that_are_not_square(tmp_path):
    images, rng = torch.rand(24, 3, 8, 12, generator=stream(0, "images")), stream(0, "attacker")
    pooled = functional.avg_pool2d(images, 2)
    inverter = BRIEF.learnt((3, 4, 6), (8, 12), tmp_path, lambda: (pooled, images), compute=CPU, rng=rng, report=silent)
    guess = inverter.guess(SharedFeatures(pooled, torch.zeros(24, dtype=torch.int64)))
    assert guess.images.shape == images.shape
    assert not any(parameter.requires_grad for parameter in inverter.inverse.parameters())


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"kind": "dense"}, '"plain" or "residual", got \'dense\''),
        ({"blocks": 0}, "at least 1, got 0"),
        ({"fitting": replace(BRIEF.fitting, patience=3)}, "without patience, got 3"),
    ],
)
def test_knobs_that_no_reconstructor_has_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        Inverse(**knobs)


def test_its_knobs_are_checked_without_drawing_random_numbers():
    before = torch.get_rng_state()
    assert Inverse(kind="residual").notation == "residual-2-x2"
    assert torch.equal(torch.get_rng_state(), before)


def test_only_an_unusual_one_stands_in_a_name():
    assert usual_or_notation(USUAL) == ()
    assert usual_or_notation(Inverse(blocks=1)) == ("plain-1-x2",)
    assert usual_or_notation(Inverse(fitting=replace(USUAL.fitting, steps=300))) == ("s300",)


def test_fittings_that_differ_in_more_than_their_steps_have_different_names_too():
    fittings = [replace(USUAL.fitting, **knobs) for knobs in ({"learning_rate": 1e-9}, {"batch_size": 2}, {"max_epochs": 1})]
    names = {usual_or_notation(Inverse(fitting=fitting)) for fitting in fittings}
    assert len(names) == 3
    assert all(name.startswith("s1000-") for (name,) in names)


def test_no_attacker_is_trained_less_than_studies_train_the_public_reconstructor():
    assert USUAL.fitting == OtherReconstructor().fitting == TABLES.reconstruct


def test_progress_is_reported_under_another_name():
    seen = []
    reported_as("A9", seen.append)(Progress("reconstructor", 1, 2, 1, 1, 0.5))
    assert seen == [Progress("A9", 1, 2, 1, 1, 0.5)]
