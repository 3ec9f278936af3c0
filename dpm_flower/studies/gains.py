"""A study's outcomes -> for each arm, how much of the gain of raw data it keeps, or why that is not measurable.

Source: SPEC.md, section 8, "Gain kept".
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.core.arms import RECEIVED, Arm, SharingArm
from dpm_flower.core.outcome import Outcome
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.metrics.gain import GainKept, gain_kept
from dpm_flower.studies.cells import indexed, receivers_of
from dpm_flower.studies.references import is_reference, references_of, trains_networks

NO_REFERENCE = "no reference arm"
Found = Mapping[tuple[int, str, str], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmGain:
    """One arm's share of the gain of raw features, or raw images: 0 = no better than own data, 1 = as good as raw ones.

    `low` and `high` are a 95 % bootstrap interval over what `resampled` says. `raw_gain` (share of test images) is what raw
    data win over own data, with its standard error. `value` is None where the gain is not measurable; `reason` says why.
    """

    arm: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    raw_gain: float | None = None
    raw_gain_error: float | None = None
    resampled: str = ""  # "seeds and images", or "images" for one seed
    receivers: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    reason: str = ""
    of_networks: bool = False  # trained on images, and measured by such: its 0 and 1 are other ones than those of deciders


def gains_of(study: Study, outcomes: Iterable[Outcome]) -> tuple[ArmGain, ...]:
    """Outcomes in any order -> one gain per arm in which something is shared and that is no reference itself, in the study's order.

    Intervals come from a stream that carries the arm's name, so that another arm more or less changes none of them.
    """
    found = indexed(study, outcomes)
    arms = [arm for arm in study.arms if not is_reference(study, arm) and _refines(arm)]
    return tuple(replace(_gain_of(study, found, arm), of_networks=trains_networks(arm)) for arm in arms)


def _refines(arm: Arm) -> bool:
    return not (isinstance(arm, SharingArm) and arm.refine == "none")


def _gain_of(study: Study, found: Found, arm: Arm) -> ArmGain:
    references = references_of(study, arm)
    if references.own is None or references.raw is None:
        return ArmGain(arm=arm.name, reason=f"{NO_REFERENCE}: {references.lacking}")
    return _gain(study, found, arm.name, references.own, references.raw, or_received=references.decider)


def _gain(study: Study, found: Found, arm: str, own: str, raw: str, *, or_received: bool) -> ArmGain:
    covered = [set(receivers_of(study, name)) for name in (arm, own, raw)]
    receivers = tuple(name for name in study.partition.names if all(name in names for names in covered))
    if not receivers:
        return ArmGain(arm=arm, reason=f"{NO_REFERENCE} for its receivers")
    seeds: list[int] = []
    lacking: list[str] = []
    answers: list[list[list[Tensor]]] = []  # seeds, then receivers, then own / raw / this arm
    for seed in study.seeds:
        rows = [_answers(found, seed, name, (arm, own, raw), or_received=or_received) for name in receivers]
        complete = [row for row in rows if not isinstance(row, str)]
        if len(complete) == len(receivers):
            seeds.append(seed)
            answers.append(complete)
        lacking += [f"seed {seed}, {name}: {row}" for name, row in zip(receivers, rows, strict=True) if isinstance(row, str)]
    if not seeds:
        return ArmGain(arm=arm, receivers=receivers, reason=lacking[0])
    if len({len(answer) for rows in answers for row in rows for answer in row}) != 1:
        return ArmGain(arm=arm, receivers=receivers, seeds=tuple(seeds), reason="no common test images")
    own_SEM, raw_SEM, shared_SEM = (torch.stack([torch.stack([row[part] for row in rows]) for rows in answers]) for part in range(3))
    kept = gain_kept(own_SEM, raw_SEM, shared_SEM, stream(study.seeds[0], "gain-kept", arm))
    return _stated(arm, kept, receivers, seeds, lacking)


def _answers(found: Found, seed: int, entity: str, arms: tuple[str, str, str], *, or_received: bool) -> list[Tensor] | str:
    """One receiver's right answers (M,) by own data, by raw ones and in this arm; or which of them is missing."""
    arm, own, raw = arms
    chosen = found.get((seed, own, entity))
    if or_received:
        chosen = _better_on_validation(found.get((seed, RECEIVED, entity)), chosen)
        if chosen is None:
            return f"no validation accuracy of {RECEIVED!r} or {own!r}"
    answers = []
    for outcome, name in (
        (chosen, chosen.arm if chosen else own),
        (found.get((seed, raw, entity)), raw),
        (found.get((seed, arm, entity)), arm),
    ):
        if outcome is None or outcome.reason or "top1" not in outcome.quality:
            return f"no figures of {name!r}"
        if outcome.correct is None:
            return f"no common test images in {name!r}"
        answers.append(outcome.correct.detach().cpu().bool())
    return answers


def _better_on_validation(received: Outcome | None, refined: Outcome | None) -> Outcome | None:
    """The better of both on validation images; equal scores choose the decider as received, which costs nothing."""
    if received is None or refined is None:
        return None
    as_received, as_refined = received.quality.get("validation_top1"), refined.quality.get("validation_top1")
    if as_received is None or as_refined is None:
        return None
    return refined if as_refined > as_received else received


def _stated(arm: str, kept: GainKept, receivers: tuple[str, ...], seeds: Sequence[int], lacking: Sequence[str]) -> ArmGain:
    reasons = [] if kept.measurable else [f"not measurable: {kept.reason}"]
    if lacking:
        reasons.append(f"without {'; '.join(lacking)}")
    return ArmGain(
        arm=arm,
        value=kept.value,
        low=_finite(kept.low),
        high=_finite(kept.high),
        raw_gain=kept.raw_gain,
        raw_gain_error=kept.raw_gain_error,
        resampled=kept.resampled,
        receivers=receivers,
        seeds=tuple(seeds),
        reason="; ".join(reasons),
    )


def _finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return value if value is not None and math.isfinite(value) else None
