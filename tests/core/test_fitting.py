from dataclasses import replace

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting

FITTING = Fitting(steps=100, learning_rate=0.1, batch_size=8)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0"),
        ({"clip_norm": 0.0}, "clip_norm must be > 0"),
        ({"weight_decay": -1e-9}, "weight_decay must be >= 0"),
        ({"weight_decay": float("nan")}, "weight_decay must be >= 0"),
        ({"schedule": "linear"}, "schedule must be"),
        ({"max_epochs": 0}, "max_epochs must be at least 1 or None"),
        ({"patience": 0}, "patience must be at least 1 or None"),
    ],
)
def test_a_knob_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(FITTING, **changes)


@pytest.mark.parametrize(("images", "batches"), [(2, 1), (7, 1), (8, 1), (15, 1), (16, 2), (17, 2)])
def test_an_epoch_has_whole_batches_only_but_at_least_one(images, batches):
    assert FITTING.steps_per_epoch(images) == batches


@pytest.mark.parametrize(("images", "steps"), [(5, 3), (16, 6), (8 * 33, 99), (8 * 34, 100), (10_000, 100)])
def test_few_images_are_not_walked_through_more_often_than_max_epochs(images, steps):
    assert replace(FITTING, max_epochs=3).steps_for(images) == steps
    assert FITTING.steps_for(images) == 100
