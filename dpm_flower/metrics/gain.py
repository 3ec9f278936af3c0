"""How much of the gain from sharing unprotected features is kept when protected ones are shared instead."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError

REPLICATES = 2000  # the ends of a 95 % interval then rest on 50 replicates each
TAIL = 0.025  # what a 95 % interval leaves out at either end
STANDARD_ERRORS = 3.0  # a gain smaller than this many of its own cannot be divided by
PIECE_DRAWS = 2_000_000  # random numbers held at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class GainKept:
    """Gain kept with its 95 % interval, all None where it cannot be measured; `raw_gain` is in accuracy (0.01 = one point).

    `resampled` says over what the interval and the standard error `raw_gain_error` were bootstrapped; one seed has no spread.
    An interval end may be infinite, where raw features gained nothing in too many replicates to bound the ratio.
    """

    value: float | None
    low: float | None
    high: float | None
    raw_gain: float
    raw_gain_error: float
    measurable: bool
    reason: str
    resampled: Literal["seeds and images", "images"]


def gain_kept(own: Tensor, raw: Tensor, shared: Tensor, rng: torch.Generator, replicates: int = REPLICATES) -> GainKept:
    """Which test images were answered rightly under each arm, three (S seeds, E receivers, M images) bool -> the gain kept.

    Gain kept = sum over receivers of (shared - own) / sum of (raw - own), in accuracy. `own` is already the better of the
    decider as received and as refined on own features. Seeds and images are resampled together, with the same images for
    all receivers and arms, and the interval is the percentile one. Where raw - own is below three standard errors, it is not
    measurable. Raises ShapeError for other shapes, MetricError for other types and for fewer than two replicates.
    Source: SPEC.md, section 8.
    """
    _check(own, raw, shared, replicates)
    seeds, receivers, images = own.shape
    own_SM = own.sum(1)
    raw_gain_SM, shared_gain_SM = raw.sum(1) - own_SM, shared.sum(1) - own_SM
    raw_sums, shared_sums = _bootstrap(raw_gain_SM, shared_gain_SM, rng, replicates)
    answers = seeds * receivers * images
    raw_gain = int(raw_gain_SM.sum()) / answers
    raw_gain_error = float(raw_sums.std()) / answers
    resampled: Literal["seeds and images", "images"] = "seeds and images" if seeds > 1 else "images"
    if raw_gain <= 0 or raw_gain < STANDARD_ERRORS * raw_gain_error:
        reason = f"raw features gained {raw_gain:.4f} with a standard error of {raw_gain_error:.4f}: below {STANDARD_ERRORS:g} of them"
        return GainKept(
            value=None,
            low=None,
            high=None,
            raw_gain=raw_gain,
            raw_gain_error=raw_gain_error,
            measurable=False,
            reason=reason,
            resampled=resampled,
        )
    low, high = _interval(raw_sums, shared_sums)
    return GainKept(
        value=int(shared_gain_SM.sum()) / int(raw_gain_SM.sum()),
        low=low,
        high=high,
        raw_gain=raw_gain,
        raw_gain_error=raw_gain_error,
        measurable=True,
        reason="",
        resampled=resampled,
    )


def _check(own: Tensor, raw: Tensor, shared: Tensor, replicates: int) -> None:
    shapes = [tuple(arm.shape) for arm in (own, raw, shared)]
    if own.ndim != 3 or len(set(shapes)) != 1 or not own.numel():
        raise ShapeError(f"wanted own, raw and shared of one shape (seeds, receivers, images), none of them 0, got {shapes}")
    types = [arm.dtype for arm in (own, raw, shared)]
    if any(dtype != torch.bool for dtype in types):
        raise MetricError(f"wanted own, raw and shared as bool, right or wrong, got {types}")
    if replicates < 2:
        raise MetricError(f"wanted at least 2 replicates, got {replicates}")


def _bootstrap(raw_gain_SM: Tensor, shared_gain_SM: Tensor, rng: torch.Generator, replicates: int) -> tuple[Tensor, Tensor]:
    """Gains summed over receivers, two (S,M) -> their sums over resampled seeds and images, two (R,).

    How often each image was drawn is a weight, so that a replicate is a product of matrices. The sums are of whole numbers and
    exact in float64, hence the same on every machine.
    """
    seeds, images = raw_gain_SM.shape
    seed_weights_RS = _draw_counts(replicates, seeds, rng).double()
    gains_MG = torch.cat((raw_gain_SM, shared_gain_SM)).T.double().cpu()
    sums = []
    for weights_rS in torch.split(seed_weights_RS, max(1, PIECE_DRAWS // images)):
        by_seed_rG = _draw_counts(len(weights_rS), images, rng).double() @ gains_MG
        sums.append((by_seed_rG.reshape(-1, 2, seeds) * weights_rS.unsqueeze(1)).sum(2))
    raw_sums, shared_sums = torch.cat(sums).unbind(1)
    return raw_sums, shared_sums


def _draw_counts(replicates: int, things: int, rng: torch.Generator) -> Tensor:
    """How often each of n things comes up in n draws with replacement -> (R,n) int64, rows that add up to n."""
    draws_Rn = torch.randint(things, (replicates, things), generator=rng)
    offsets_R1 = torch.arange(replicates).unsqueeze(1) * things
    return torch.bincount((draws_Rn + offsets_R1).flatten(), minlength=replicates * things).reshape(replicates, things)


def _interval(raw_sums: Tensor, shared_sums: Tensor) -> tuple[float, float]:
    """Sums of gains (R,) twice -> the ends of the percentile interval of their ratio.

    Where raw features gained nothing the ratio has no bound: such a replicate counts against both ends.
    """
    gained = raw_sums > 0
    ratios = shared_sums / raw_sums
    low = torch.quantile(ratios.where(gained, -torch.inf), TAIL, interpolation="lower")
    high = torch.quantile(ratios.where(gained, torch.inf), 1 - TAIL, interpolation="higher")
    return float(low), float(high)
