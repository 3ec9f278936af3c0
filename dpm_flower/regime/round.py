"""A round of averaging: its number, and its share of the gradient steps that are taken alone."""

from dataclasses import dataclass, replace

from dpm_flower.core.fitting import Fitting
from dpm_flower.training.loop import Stretch

FIRST_ROUND = 1


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Which of how many rounds of averaging, counted from 1."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class RoundFitting:
    """The steps of one round, and where they stand among those of all rounds."""

    fitting: Fitting
    stretch: Stretch


def round_fitting(budget: Fitting, at: Round, images: int) -> RoundFitting | None:
    """The budget of a training alone, a round and the number of images -> that round's steps; None for a round without a step.

    The rounds together take exactly the steps that are taken alone (`max_epochs` holds for all of them), at exactly their learning
    rates: a round goes on with the schedule where the one before left it. Only AdamW's moments begin anew in each round, since an
    average of weights has none; so do those of the clients in arXiv 1602.05629, who keep nothing between rounds.
    """
    steps = budget.steps_for(images)
    first, end = (steps * done // at.of for done in (at.number - FIRST_ROUND, at.number))
    return RoundFitting(replace(budget, steps=end - first), Stretch(first, steps)) if end > first else None
