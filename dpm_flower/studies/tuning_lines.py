"""Tunings -> the words that stand for them in the table and in the report: validation and test side by side, the choice marked."""

from dataclasses import dataclass

from dpm_flower.studies.cells import said
from dpm_flower.studies.tuning import Tuning
from dpm_flower.studies.wording import share_text

CHOSEN = "✓"  # behind the name of an arm that the validation images chose


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate in words, in percent."""

    arm: str
    validation: str
    test: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """One method's candidates."""

    method: str
    lines: tuple[Line, ...]


def tuning_lines(tuning: Tuning) -> Lines:
    """A tuning -> a line for each candidate, in the study's order."""
    lines = (Line(each.arm, share_text(each.validation), share_text(each.test), each.arm == tuning.chosen) for each in tuning.candidates)
    return Lines(tuning.method, tuple(lines))


def tuning_sentence(tuning: Tuning) -> str:
    """A tuning -> what was chosen, on one line: no figure of the test images had a part in it."""
    lines = tuning_lines(tuning).lines
    chosen = next(line for line in lines if line.chosen)
    figures = f"validation {chosen.validation} %, test {chosen.test} %"
    return f"{CHOSEN} {said(tuning.method)}: of {len(lines)} settings validation images choose {said(chosen.arm)} ({figures})."
