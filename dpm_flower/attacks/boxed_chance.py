"""What guesses at images with boxes come to by chance: each is held against another image, whose boxes are much like its own."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from dpm_flower.attacks.boxed_scores import BoxedScores
from dpm_flower.attacks.headline import Anchored
from dpm_flower.attacks.nearness import nearness
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import MetricError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Guess

LEAST_IMAGES = 2  # one has no other


def others_with_such_boxes(told_N3HW: Tensor) -> Tensor:
    """What boxes and labels alone tell of N images -> for each the number of another (N,), each of them once.

    As with labels (see attacks/chance.py) a guess should know of its image what the floor knows, and no more. Boxes are hardly ever the
    same twice: of all orders in which nobody keeps its own, it is the one in which the floor's guesses are most alike, by the sum of
    squared distances. Any fixed order would hold a guess against things in other places, and call less than is chance by that name;
    what is left of this errs on the side of the victims. Raises MetricError for fewer than 2 images.
    """
    if len(told_N3HW) < LEAST_IMAGES:
        raise MetricError(f"wanted at least {LEAST_IMAGES} images to exchange guesses of, got {len(told_N3HW)}")
    costs_NN = -nearness(told_N3HW, told_N3HW).fill_diagonal_(-torch.inf)
    _, others_N = linear_sum_assignment(costs_NN.numpy())
    return torch.as_tensor(others_N)


def boxed_by_chance(
    found: BoxedScores, truth: Boxed, guesses: Mapping[str, Tensor], told_N3HW: Tensor, featurizer: nn.Module, compute: Compute
) -> dict[str, Anchored]:
    """Scores of guesses, these and their images, and the floor's guesses -> by attacker the scores that are chance, between its anchors."""
    images, others = as_floats(truth.images), others_with_such_boxes(told_N3HW)
    return {
        who: replace(one, attack=disclosure(images, Guess(guesses[who][others]), featurizer, compute))
        for who, one in found.anchored.items()
    }
