"""A study's outcomes -> one cell for each seed, arm and entity: figures, or the reason why there are none."""

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dpm_flower.core.arms import RECEIVED, SharingArm
from dpm_flower.core.errors import StudyError
from dpm_flower.core.outcome import Outcome, RoundFigures
from dpm_flower.core.study import Study
from dpm_flower.methods.nothing import Nothing

LONGEST_REASON = 300  # characters; a peer's text may be of any length
SILENT = "no outcome arrived"
NO_TOP1 = "its outcome holds no top-1 figure"
NO_RELEASE = "its outcome holds no figures of a release"
NO_RECEIVER = "not a receiver of this arm: figures of its release only"


@dataclass(frozen=True, slots=True)
class Cell:
    """One outcome without its tensors: finite figures only, and a reason wherever one is missing that should be there."""

    seed: int
    arm: str
    entity: str
    quality: Mapping[str, float]
    costs: Mapping[str, float]
    reason: str = ""
    rounds: tuple[RoundFigures, ...] = ()


def arms_of(study: Study) -> tuple[str, ...]:
    """A study -> the heads of its rows: the decider as received, then the arms in their order."""
    return (RECEIVED, *(arm.name for arm in study.arms))


def receivers_of(study: Study, arm: str) -> tuple[str, ...]:
    """A study and the head of a row -> the entities that must have figures there, in the order of their partition numbers."""
    chosen = study.arm(arm) if arm != RECEIVED else None
    if isinstance(chosen, SharingArm) and chosen.refine == "none":
        return ()
    if isinstance(chosen, SharingArm) and chosen.receivers:
        return tuple(name for name in study.partition.names if name in chosen.receivers)
    return study.partition.names


def releasers_of(study: Study, arm: str) -> tuple[str, ...]:
    """A study and the head of a row -> whose releases are judged where nobody trains on them; no entities in all other arms."""
    chosen = study.arm(arm) if arm != RECEIVED else None
    if not isinstance(chosen, SharingArm) or chosen.refine != "none" or isinstance(chosen.method, Nothing):
        return ()
    return tuple(name for name in study.partition.names if chosen.sends(name))


def indexed(study: Study, outcomes: Iterable[Outcome]) -> dict[tuple[int, str, str], Outcome]:
    """Outcomes in any order -> the same by (seed, arm, entity).

    Raises StudyError for a seed, arm or entity that the study does not have, and for a cell that comes twice.
    """
    known: tuple[Container[object], ...] = (study.seeds, arms_of(study), study.partition.names)
    found: dict[tuple[int, str, str], Outcome] = {}
    for outcome in outcomes:
        key = (outcome.seed, outcome.arm, outcome.entity)
        for part, wanted, name in zip(key, known, ("seed", "arm", "entity"), strict=True):
            if part not in wanted:
                raise StudyError(f"study {study.name!r} has no {name} {part!r}, but an outcome of it came")
        if key in found:
            raise StudyError(
                f"wanted one outcome per cell, got two for seed {outcome.seed}, arm {outcome.arm!r}, entity {outcome.entity!r}"
            )
        found[key] = outcome
    return found


def cells_of(study: Study, outcomes: Iterable[Outcome]) -> tuple[Cell, ...]:
    """Outcomes in any order -> cells in the study's order: seeds, then arms, then entities.

    Every receiver of every arm has a cell, and every entity that releases where nobody trains; any other where something came from it.
    Raises StudyError like `indexed`.
    """
    found = indexed(study, outcomes)
    return tuple(_cells(study, found))


def _cells(study: Study, found: Mapping[tuple[int, str, str], Outcome]) -> Iterator[Cell]:
    for seed in study.seeds:
        for arm in arms_of(study):
            receivers, releasers = receivers_of(study, arm), releasers_of(study, arm)
            for entity in study.partition.names:
                outcome = found.get((seed, arm, entity))
                if entity in receivers:
                    yield _cell(outcome or Outcome(seed, arm, entity, reason=SILENT), NO_TOP1)
                elif entity in releasers:
                    released = outcome is not None and bool(outcome.quality)
                    yield _cell(outcome or Outcome(seed, arm, entity, reason=SILENT), "" if released else NO_RELEASE)
                elif outcome is not None and (outcome.quality or outcome.costs or outcome.reason):
                    yield _cell(outcome, NO_RECEIVER)


def _cell(outcome: Outcome, without_top1: str) -> Cell:
    """`without_top1` is the reason where there is no ``top1`` and the outcome does not say why."""
    quality, costs = _finite(outcome.quality), _finite(outcome.costs)
    reasons = [said(outcome.reason)]
    reasons += [
        f"{name} is {value}"
        for part in (outcome.quality, outcome.costs)
        for name, value in sorted(part.items())
        if not math.isfinite(value)
    ]
    if not 0 <= quality.get("top1", 0.0) <= 1:
        reasons.append(f"top1 is {quality['top1']}, which is no share")
    if reasons[0] or not 0 <= quality.get("top1", 0.0) <= 1:
        quality.pop("top1", None)
    if "top1" not in quality and not any(reasons):
        reasons.append(without_top1)
    reasons.append(said(outcome.remark))
    rounds = tuple(RoundFigures(each.number, _finite(each.quality), _finite(each.costs)) for each in outcome.rounds)
    return Cell(outcome.seed, outcome.arm, outcome.entity, quality, costs, "; ".join(filter(None, reasons)), rounds)


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}


def said(text: str) -> str:
    """Somebody's words -> at most 300 printable characters on one line, that no terminal or spreadsheet takes for a command."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split()).lstrip("=+-@ ")
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"
