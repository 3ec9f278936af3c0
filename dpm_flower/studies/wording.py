"""Figures -> the words that stand for them in tables and in the report, each with its spread; a missing one is a dash."""

from dpm_flower.metrics.spread import Spread
from dpm_flower.studies.gains import ArmGain

NONE = "–"


def with_spread(value: Spread | None, digits: int = 1) -> str:
    """Mean and sample standard deviation -> "81.3 ± 0.4"; the mean alone where there is one seed."""
    if value is None:
        return NONE
    if value.deviation is None:
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} ± {value.deviation:.{digits}f}"


def share_text(value: Spread) -> str:
    """A share in [0, 1] with its spread -> "81.3 ± 0.4", in percent."""
    return with_spread(Spread(100 * value.mean, None if value.deviation is None else 100 * value.deviation, value.count))


def mean_only(value: Spread | None, digits: int = 1) -> str:
    """Mean and sample standard deviation -> "81.3", the mean alone."""
    return NONE if value is None else f"{value.mean:.{digits}f}"


def percent(value: float | None) -> str:
    """A number that is in percent already -> "40.0"."""
    return NONE if value is None else f"{value:.1f}"


def before_after(before: Spread | None, after: Spread | None, digits: int) -> str:
    """The means on raw and on shared features -> "0.67 → 0.01"."""
    if before is None and after is None:
        return NONE
    return f"{mean_only(before, digits)} → {mean_only(after, digits)}"


def gain_kept_text(gain: ArmGain | None) -> str:
    """An arm's gain kept -> "87 % [79, 95]"; "reference" for an arm that the others are measured by."""
    if gain is None:
        return "reference"
    if gain.value is None:
        return "not measurable"
    low = "−∞" if gain.low is None else f"{100 * gain.low:.0f}"
    high = "∞" if gain.high is None else f"{100 * gain.high:.0f}"
    return f"{100 * gain.value:.0f} % [{low}, {high}]"


def duration(seconds: float) -> str:
    """Seconds -> "42 s", "3 min 5 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
