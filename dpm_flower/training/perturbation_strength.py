"""How strong a perturbation is: a fixed strength or one that is found on validation images -> a perturber with its figures.

The paper publishes what its perturbations cost the decider and not how strong they are, so strengths are found from the cost.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never, get_args

from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.streams import stream
from dpm_flower.training.perturbation import GaussianFilter, GaussianNoise, MeanFilter, Perturbation, Perturber, channel_units
from dpm_flower.training.prediction import accuracy

PerturbationFamily = Literal["gaussian-noise", "gaussian-filter", "mean-filter"]
FAMILIES: tuple[PerturbationFamily, ...] = get_args(PerturbationFamily)
RUNGS = 1024  # strengths to choose from: steps of 0.7 % (noise), found in ten halvings
NOISE_RANGE = (2**-5, 2**5)  # standard deviations: from what no network notices to what hides everything
CALIBRATION = "calibration"  # whose stream all calibrations draw from; it is no secret, since nothing of it is released
NARROWEST_BLUR = 0.25  # feature pixels; a Gaussian this narrow leaves a map as it is, to 0.1 %


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The weakest perturbation of a family that costs the decider as received a given `drop` on own validation images.

    `drop` is the share that it loses of its accuracy above always naming the most frequent class. Where nothing in the family
    costs that much, and where the decider has no such accuracy to lose, the strongest is taken, and the figures say so.
    """

    family: PerturbationFamily
    drop: float = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise SettingError(f"the family of perturbations must be one of {', '.join(FAMILIES)}, got {self.family!r}")
        if not 0 < self.drop <= 1:
            raise SettingError(f"drop is a share of the accuracy above the most frequent class in (0, 1], got {self.drop}")


PerturbationChoice: TypeAlias = Perturbation | Calibrated


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A perturber for one entity's features, and what to say about it.

    Figures: ``perturbation_strength`` (noise: standard deviations of the channels; Gaussian filter: feature pixels; mean filter:
    width in feature pixels), ``perturbation_drop`` on validation images, and ``perturbation_drop_wanted`` where it was calibrated.
    """

    perturber: Perturber
    figures: Mapping[str, float]


def check_choice(choice: object) -> None:
    """Raises SettingError for anything that is no perturbation and no calibration of one."""
    if not isinstance(choice, GaussianNoise | GaussianFilter | MeanFilter | Calibrated):
        raise SettingError(f"wanted a perturbation, or Calibrated, got {choice!r}")


def settle(choice: PerturbationChoice, preparation: Preparation) -> Settled:
    """A perturbation, or how much one may cost -> the perturber for this entity, with its figures.

    A calibration asks the decider at most twelve times about all validation images. Its noise never leaves the house, so that it
    is the same draw always and for every method: strengths are compared and not draws, and equal settings give equal strengths.
    """
    features = preparation.features(preparation.private.images)
    unit_C, (height, width) = channel_units(features), features.shape[-2:]
    drop_at = _drop_of(preparation, unit_C)
    if not isinstance(choice, Calibrated):
        return _settled(choice, unit_C, drop_at(choice))
    chosen, drop = weakest_reaching(choice.drop, ladder(choice.family, max(height, width)), drop_at)
    return _settled(chosen, unit_C, drop, wanted=choice.drop)


def ladder(family: PerturbationFamily, side: int) -> tuple[Perturbation, ...]:
    """A family and the longer side of the feature maps -> its perturbations from weak to strong.

    The widest filters leave of a map hardly more than its mean.
    """
    match family:
        case "gaussian-noise":
            return tuple(GaussianNoise(sigma=sigma) for sigma in _geometric(*NOISE_RANGE))
        case "gaussian-filter":
            return tuple(GaussianFilter(sigma=sigma) for sigma in _geometric(NARROWEST_BLUR, float(side)))
        case "mean-filter":
            return tuple(MeanFilter(kernel=kernel) for kernel in range(3, 2 * side + 2, 2))
    assert_never(family)


def weakest_reaching(wanted: float, rungs: Sequence[Perturbation], drop_at: Callable[[Perturbation], float]) -> tuple[Perturbation, float]:
    """A drop and perturbations from weak to strong -> one that reaches it while the next weaker one does not, and its drop.

    Found by bisection, for which stronger means costlier. The strongest of all where even that does not reach the drop.
    """
    drops: dict[Perturbation, float] = {}

    def reaches(perturbation: Perturbation) -> bool:
        drops[perturbation] = drop_at(perturbation)
        return drops[perturbation] >= wanted

    place = bisect_left(rungs, True, hi=len(rungs) - 1, key=reaches) if reaches(rungs[-1]) else len(rungs) - 1
    return rungs[place], drops[rungs[place]]


def _geometric(low: float, high: float) -> list[float]:
    ratio = (high / low) ** (1 / (RUNGS - 1))
    return [low * ratio**rung for rung in range(RUNGS)]


def _drop_of(preparation: Preparation, unit_C: Tensor) -> Callable[[Perturbation], float]:
    """A function from a perturbation to its drop on own validation images: 0 = costs nothing, 1 = all that the decider could do."""
    decider, labels, compute = preparation.net.decider, preparation.validation.labels, preparation.compute
    raw = preparation.features(preparation.validation.images)
    right, trivial = _right(decider, raw, labels, compute), int(labels.bincount().max())

    def drop_at(perturbation: Perturbation) -> float:
        if right <= trivial:
            return 0.0
        perturbed = Perturber(perturbation, unit_C)(raw, stream(0, CALIBRATION))
        return (right - _right(decider, perturbed, labels, compute)) / (right - trivial)

    return drop_at


def _right(decider: nn.Module, features_NChw: Tensor, labels: Labels, compute: Compute) -> int:
    """How many are answered rightly: counts are exact where shares would be rounded around the drop that is wanted."""
    return int(accuracy(decider, features_NChw, labels, compute).correct.sum())


def _settled(perturbation: Perturbation, unit_C: Tensor, drop: float, **more: float) -> Settled:
    figures = {"perturbation_strength": strength_of(perturbation), "perturbation_drop": drop}
    return Settled(Perturber(perturbation, unit_C), figures | {f"perturbation_drop_{name}": value for name, value in more.items()})


def strength_of(perturbation: Perturbation) -> float:
    """A perturbation -> its one knob, in its own unit."""
    match perturbation:
        case GaussianNoise(sigma=sigma) | GaussianFilter(sigma=sigma):
            return sigma
        case MeanFilter(kernel=kernel):
            return float(kernel)
    assert_never(perturbation)
