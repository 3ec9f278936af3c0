"""Figures of attacks among a run's rows -> one line per arm and attack: how well it reconstructs raw and shared features."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dpm_flower.studies.rows import Row, summaries
from dpm_flower.studies.wording import before_after, with_spread

PUBLIC = "A0, public reconstructor"  # its figures bear no name
HEADS = (  # metric, head, digits
    ("ssim", "SSIM", 2),
    ("windowed_ssim", "windowed SSIM", 2),
    ("structure", "structure", 2),
    ("edge", "edge", 2),
    ("perceptual", "perceptual", 2),
    ("l1", "L1", 3),
)
# as the audit names them, "A1.residual-2-x4.ssim_p"
KEY = re.compile(rf"(?P<attack>.+)\.(?P<metric>{'|'.join(metric for metric, _, _ in HEADS)})_[zp]")


@dataclass(frozen=True, slots=True)
class AttackLine:
    """One attack on the releases of one arm, in words: one text for each of HEADS, raw features (z) → shared ones (p)."""

    arm: str
    attack: str
    texts: tuple[str, ...]


def attack_lines(rows: Iterable[Row], *, spread: bool = False) -> tuple[AttackLine, ...]:
    """Rows of a run -> the public reconstructor and the attacks by name, arm by arm; none where the run has no attacks' figures."""
    lines = []
    for arm, row in summaries(rows).items():
        attacks = sorted({match["attack"] for key in row.figures if (match := KEY.fullmatch(key))})
        for attack in [PUBLIC, *attacks] if attacks else []:
            head = "" if attack == PUBLIC else f"{attack}."
            lines.append(AttackLine(arm, attack, tuple(_text(row, head + metric, digits, spread) for metric, _, digits in HEADS)))
    return tuple(lines)


def _text(row: Row, key: str, digits: int, spread: bool) -> str:
    raw, shared = row.figure(f"{key}_z"), row.figure(f"{key}_p")
    if not spread or (raw is None and shared is None):
        return before_after(raw, shared, digits)
    return " → ".join(with_spread(value, digits) for value in (raw, shared))
