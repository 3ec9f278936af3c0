"""The rounds of an averaging together are one training alone: its steps, its learning rates, and, in one round, its bits."""

import pytest

from dpm_flower.core.fitting import Fitting
from dpm_flower.regime.round import Round, round_fitting
from dpm_flower.training.loop import Stretch


@pytest.mark.parametrize("max_epochs", [None, 1, 3])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
@pytest.mark.parametrize("rounds", [1, 3, 4, 10])
@pytest.mark.parametrize("images", [5, 40, 1000])
def test_the_rounds_take_exactly_the_steps_that_are_taken_alone_one_stretch_after_the_other(steps, rounds, images, max_epochs):
    alone = Fitting(steps=steps, learning_rate=0.1, batch_size=8, max_epochs=max_epochs)
    parts = [round_fitting(alone, Round(number, rounds), images) for number in range(1, rounds + 1)]
    taken = [part.fitting.steps_for(images) if part else 0 for part in parts]
    assert sum(taken) == alone.steps_for(images)
    assert max(taken) - min(taken) <= 1
    done = 0
    for part, steps_of_round in zip(parts, taken, strict=True):
        assert part is None or part.stretch == Stretch(done, alone.steps_for(images))
        done += steps_of_round


def test_a_round_changes_nothing_but_the_number_of_steps():
    alone = Fitting(steps=9, learning_rate=0.1, batch_size=8, schedule="cosine", weight_decay=0.3, clip_norm=0.7)
    part = round_fitting(alone, Round(2, 3), 40)
    assert part.fitting == Fitting(steps=3, learning_rate=0.1, batch_size=8, schedule="cosine", weight_decay=0.3, clip_norm=0.7)
    assert round_fitting(alone, Round(1, 1), 40).fitting == alone
