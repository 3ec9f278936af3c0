"""The one figure that a release is judged by: the most that any attacker disclosed, by any of four scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from dpm_flower.attacks.scoring import BEST_GUESSED, Disclosure
from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.disclosed_fraction import disclosed_fraction
from dpm_flower.metrics.resampling import PIECE_DRAWS, REPLICATES, TAIL, draw_counts, resampled_quantile

# A defence trained against one may not be judged by it alone; SSIM counts with its sign taken once, as published, and window by window.
SCORES = ("ssim", "windowed_ssim", "perceptual", "edge")
NEAR = 0.5  # of the widest span: a single image that comes nearer than the label by more has for the most part been recovered
STANDARD_ERRORS = 3.0  # an attacker whose raw features come nearer than the label by less was not shown able to succeed

_Pair: TypeAlias = tuple[str, str]  # attacker, score


@dataclass(frozen=True, slots=True, eq=False)
class Anchored:
    """One attacker's scores of the same images: from the release, from the label alone (floor), from raw features (ceiling).

    `judged` (N,) bool says which of the release's images those are; None: all of them. Pairs that leaked to an attacker are not.
    """

    attack: Disclosure
    floor: Disclosure
    ceiling: Disclosure
    judged: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Worst:
    """The greatest disclosed fraction with its 95 % interval, and the attacker and the score that it is of.

    The upper end is infinite where in too many resamples an attacker did no better on raw features than the label.
    """

    value: float
    low: float
    high: float
    attacker: str
    score: str


@dataclass(frozen=True, slots=True)
class Headline:
    """The worst over attackers and scores: of the mean over images, and separately of the 95th percentile of their parts.

    `left_out` says, by (attacker, score), why one that was given does not count.
    """

    mean: Worst
    p95: Worst
    left_out: Mapping[_Pair, str]

    def figures(self) -> dict[str, float]:
        """Fractions by "headline_p", "headline_p_p95" and, for the intervals' ends, "…_low" and "…_high"; an open end is left out."""
        heads = {"headline_p": self.mean, "headline_p_p95": self.p95}
        found = {f"{key}{end}": value for key, worst in heads.items() for end, value in _ends(worst)}
        return {key: value for key, value in found.items() if abs(value) != float("inf")}


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """One attacker's disclosed fraction by one score: by judged image, its part, its span over the mean span, and its number.

    `images_n` is None where it is judged by all images.
    """

    pair: _Pair
    parts_n: Tensor
    spans_n: Tensor
    images_n: Tensor | None


def headline(attackers: Mapping[str, Anchored], rng: torch.Generator, replicates: int = REPLICATES) -> Headline:
    """By attacker, its scores between their anchors, for images of one release -> the headline with its bootstrap intervals.

    Images are resampled, the same for all attackers and scores, and in each resample the spans from floor to ceiling are its
    own and the greatest fraction is found anew (percentile bootstrap of the maximum). A maximum leans upward, in a resample once
    more than in the sample, so that where many attackers are equal the interval lies a little high: on the side of the victims.
    An attacker counts by a score if there its mean ceiling lies above its mean floor by at least three standard errors. One that was
    not shown able in that way, and came as surely nearer than the label all the same, in the mean or in many single images, is measured
    by the widest mean span of those that were. That span is borrowed as it is, the same in all resamples: such an attacker's interval
    says nothing of how uncertain the span is. Raises MetricError if none counts, for fewer than 2 images and fewer than 2 replicates;
    ShapeError for numbers of images that do not fit together. Source: SPEC.md, section 8.
    """
    images = _checked(attackers, replicates)
    series, left_out = list[_Series](), dict[_Pair, str]()
    for score in SCORES:
        scored = {attacker: _scores(anchored, score) for attacker, anchored in attackers.items()}
        spans = {attacker: ceiling - floor for attacker, (_, floor, ceiling) in scored.items()}
        refused = {attacker: _refusal(span) for attacker, span in spans.items()}
        widest = max((float(spans[attacker].mean()) for attacker, reason in refused.items() if not reason), default=0.0)
        for attacker, (attack, floor, ceiling) in scored.items():
            pair, borrows = (attacker, score), bool(refused[attacker]) and _surely_gained(attack - floor, widest)
            if refused[attacker] and not borrows:
                left_out[pair] = refused[attacker]
                continue
            span = torch.full_like(floor, widest) if borrows else spans[attacker]
            judged = attackers[attacker].judged
            shown = None if judged is None else judged.cpu().nonzero().flatten()
            reached = floor + widest if borrows else ceiling
            series.append(_Series(pair, disclosed_fraction(attack, floor, reached), span / span.mean(), shown))
    if not series:
        reasons = "; ".join(f"{attacker} by {score}, {reason}" for (attacker, score), reason in left_out.items())
        raise MetricError(f"no attacker was shown able to succeed: {reasons}")
    means_R, quantiles_R = _bootstrap(series, images, rng, replicates)
    return Headline(
        _worst([float(one.parts_n.mean()) for one in series], means_R, series),
        _worst([float(one.parts_n.quantile(BEST_GUESSED)) for one in series], quantiles_R, series),
        left_out,
    )


def any_counts(attackers: Mapping[str, Anchored]) -> bool:
    """By attacker, its scores between their anchors -> whether one of them counts by some score, see `headline`."""
    try:
        headline(attackers, torch.Generator(), replicates=2)  # the fewest: what it comes to is not asked
    except MetricError:
        return False
    return True


def worst_images(anchored: Anchored, most: int) -> Tensor:
    """One attacker's scores -> numbers of the images that it came nearest to, by any score, the worst first; `most` at most.

    Numbers count the images that it is judged by.
    """
    nearness = []
    for score in SCORES:
        attack, floor, ceiling = _scores(anchored, score)
        span = ceiling - floor
        nearness.append((attack - floor) / (span.mean() if _surely_above(span) else 1.0))
    return torch.stack(nearness).amax(0).argsort(descending=True, stable=True)[:most]


def _checked(attackers: Mapping[str, Anchored], replicates: int) -> int:
    """The number of the release's images."""
    if not attackers:
        raise MetricError("wanted at least one attacker, got none")
    if replicates < 2:
        raise MetricError(f"wanted at least 2 replicates, got {replicates}")
    released = set()
    for name, one in attackers.items():
        counts = {len(values) for score in SCORES for values in _scores(one, score)}
        judged = max(counts) if one.judged is None else int(one.judged.sum())
        if counts != {judged}:
            raise ShapeError(f"wanted attack, floor and ceiling of the {judged} images that {name} is judged by, got {sorted(counts)}")
        if judged < 2:
            raise MetricError(f"wanted at least 2 images, got {judged} for {name}")
        released.add(judged if one.judged is None else len(one.judged))
    if len(released) != 1:
        raise ShapeError(f"wanted all attackers judged by images of one release, got releases of {sorted(released)} images")
    return int(released.pop())


def _scores(anchored: Anchored, score: str) -> tuple[Tensor, ...]:
    """One attacker's attack, floor and ceiling by one score, (n,) each, float64."""
    return tuple(getattr(one, score).double().cpu() for one in (anchored.attack, anchored.floor, anchored.ceiling))


def _refusal(span_n: Tensor) -> str:
    """How far each image's ceiling lies above its floor -> why the mean is not surely above 0; empty where it is."""
    if _surely_above(span_n):
        return ""
    span, error = float(span_n.mean()), _standard_error(span_n)
    return f"raw features come nearer than the label by {span:.4f} with a standard error of {error:.4f}: below {STANDARD_ERRORS:g} of them"


def _surely_above(values_n: Tensor) -> bool:
    mean = float(values_n.mean())
    return mean > 0 and mean >= STANDARD_ERRORS * _standard_error(values_n)


def _surely_gained(gained_n: Tensor, widest: float) -> bool:
    """By how much each image came nearer than the label, and the widest span -> whether that is no chance, in the mean or for many.

    Single images count that came nearer by more than half of the span. Noise puts as many that far above what is usual for the
    attacker as below it: there must be more above, by three standard errors of their difference, which takes at least 9 images.
    """
    if widest <= 0:
        return False
    usual, near = min(float(gained_n.median()), 0.0), NEAR * widest
    above, below = int((gained_n > near).sum()), int((gained_n < 2 * usual - near).sum())
    many = above > 0 and above - below >= STANDARD_ERRORS * math.sqrt(above + below)
    return many or _surely_above(gained_n)


def _standard_error(values_n: Tensor) -> float:
    return float(values_n.std()) / math.sqrt(len(values_n))


def _bootstrap(series: Sequence[_Series], images: int, rng: torch.Generator, replicates: int) -> tuple[Tensor, Tensor]:
    """Disclosed fractions of images of one release -> in each resample the greatest mean and the greatest 95th percentile, (R) twice.

    Where a span is not above 0 its fraction has no bound, and neither has the greatest one.
    """
    greatest = []
    for piece in torch.split(torch.arange(replicates), max(1, PIECE_DRAWS // images)):
        counts_RN = draw_counts(len(piece), images, rng)
        fractions_2R = [_resampled(one, counts_RN if one.images_n is None else counts_RN[:, one.images_n]) for one in series]
        greatest.append(torch.stack(fractions_2R).amax(0))
    means_R, quantiles_R = torch.cat(greatest, 1)
    return means_R, quantiles_R


def _resampled(one: _Series, counts_Rn: Tensor) -> Tensor:
    """How often each of its images was drawn -> its mean fraction and the 95th percentile in each resample (2,R)."""
    drawn_R = counts_Rn.sum(1)
    part_R, span_R = (counts_Rn.double() @ values / drawn_R for values in (one.parts_n, one.spans_n))
    found_2R = torch.stack((part_R, resampled_quantile(one.parts_n, counts_Rn, BEST_GUESSED))) / span_R
    return found_2R.where(span_R > 0, torch.inf)


def _worst(fractions: Sequence[float], greatest_R: Tensor, series: Sequence[_Series]) -> Worst:
    """The fraction of each series, and the greatest in each resample -> the greatest; one without bound counts against both ends."""
    value, place = max((value, -place) for place, value in enumerate(fractions))
    low = torch.quantile(greatest_R.where(greatest_R.isfinite(), -torch.inf), TAIL, interpolation="lower")
    high = torch.quantile(greatest_R, 1 - TAIL, interpolation="higher")
    return Worst(value, float(low), float(high), *series[-place].pair)


def _ends(worst: Worst) -> tuple[tuple[str, float], ...]:
    return ("", worst.value), ("_low", worst.low), ("_high", worst.high)
