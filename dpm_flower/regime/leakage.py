"""What an audit found, for the owner: each attacker's scores between their anchors, the images it came nearest to, and the headline."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from torch import Tensor

from dpm_flower.attacks.headline import SCORES, Anchored, Headline, Worst
from dpm_flower.attacks.scoring import BEST_GUESSED
from dpm_flower.core.protocols import Attack
from dpm_flower.core.whole_file import whole_file
from dpm_flower.regime.inferring import AttributeLeak
from dpm_flower.regime.linking import LinkLeak

FORMAT = "dpm-flower leakage 1"
PROVES = (
    "Empirical: these attackers, with these images and this much training, came this near. It is no guarantee against attackers who "
    "were not run, know more, or try for longer."
)
OF_UNPAIRED = (
    "What is released is made up, and none of it belongs to one own image. Each own image is therefore compared with the guess nearest "
    "to it, chosen by the truth, as no attacker could; who learns from what a recipe makes of images has nothing to learn here, and does "
    "what everybody can; and linkage says how often an own image stands out among candidates that are none."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLeak:
    """Means over images by one score: of who knows the label only, of the attack on the release and on raw features."""

    floor: float
    release: float
    release_p95: float
    raw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fraction:
    """A disclosed fraction with its 95 % interval (None: that end is open), by the score that it is greatest by, and whose it is."""

    value: float
    low: float | None
    high: float | None
    score: str
    attacker: str

    @classmethod
    def of(cls, worst: Worst) -> Self:
        """The greatest disclosed fraction as a report has it, in which infinity is no number."""
        low, high = (None if abs(end) == float("inf") else end for end in (worst.low, worst.high))
        return cls(value=worst.value, low=low, high=high, score=worst.score, attacker=worst.attacker)


@dataclass(frozen=True, slots=True)
class Chance:
    """The headline, mean and 95th percentile, if every guess were of another image of the same label, or of somebody else's."""

    mean: float
    p95: float

    def figures(self) -> dict[str, float]:
        """By their names in a manifest."""
        return {"headline_p_chance": self.mean, "headline_p_p95_chance": self.p95}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackLeak:
    """One attacker. `mean` and `p95` are its disclosed fractions, None where it was not shown able to succeed: then `reason` says why.

    `unlearnt` says why it had nothing to learn from, where it had not: then this is what everybody can do with the release.
    """

    name: str
    knows: str
    in_headline: bool
    images: int
    scores: Mapping[str, ScoreLeak]
    mean: Fraction | None
    p95: Fraction | None
    reason: str
    seconds: float
    unlearnt: str = ""
    worst: tuple[int, ...]  # numbers in the release of the images that it came nearest to


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """One audit. `mean` and `p95` are the release's headline, None where there is none: then `reason` says why. `chance` is what they
    would be by chance, None where that cannot be said.

    `left_out` says, by attacker and score, why one does not count in it. `unpaired`: what is released is made up; records that were written
    before this was said have it in their words only (see studies/own_audits.py).
    """

    study: str
    seed: int
    campaign: str
    entity: str
    method: str
    images: int
    own_images: int
    mean: Fraction | None
    p95: Fraction | None
    chance: Chance | None = None
    reason: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    attacks: tuple[AttackLeak, ...]
    links: tuple[LinkLeak, ...] = ()
    inferences: tuple[AttributeLeak, ...] = ()
    seconds: float
    unpaired: bool = False
    proves: str = PROVES

    @property
    def unlearnt(self) -> dict[str, str]:
        """By its name who had nothing to learn from, and why; whoever had is left out."""
        told = {one.name: one.unlearnt for one in self.attacks} | {one.name: one.unlearnt for one in self.links}
        return {name: reason for name, reason in told.items() if reason}

    def write(self, path: Path) -> None:
        """The audit as JSON, in one step, for its owner's eyes alone. Raises OutputError."""
        with whole_file(path, 0o700) as partial:
            partial.touch(0o600)
            partial.write_text(json.dumps({"format": FORMAT} | asdict(self), indent=1, allow_nan=False) + "\n")


def attack_leak(attack: Attack, anchored: Anchored, alone: Headline | str, unlearnt: str, worst: Tensor, seconds: float) -> AttackLeak:
    """An attack, its scores, what it disclosed by itself (or why that cannot be said), why it had nothing to learn from (or ""), its worst
    images and its time -> its part.
    """
    found = alone if isinstance(alone, Headline) else None
    return AttackLeak(
        name=attack.name,
        knows=attack.level.value,
        in_headline=not attack.level.sees_victim,
        images=len(anchored.attack.ssim),
        scores={score: _score_leak(anchored, score) for score in SCORES},
        mean=Fraction.of(found.mean) if found else None,
        p95=Fraction.of(found.p95) if found else None,
        reason=alone if isinstance(alone, str) else "",
        unlearnt=unlearnt,
        seconds=seconds,
        worst=tuple(worst.tolist()),
    )


def _score_leak(anchored: Anchored, score: str) -> ScoreLeak:
    floor, release, raw = (getattr(one, score) for one in (anchored.floor, anchored.attack, anchored.ceiling))
    return ScoreLeak(
        floor=float(floor.mean()), release=float(release.mean()), release_p95=float(release.quantile(BEST_GUESSED)), raw=float(raw.mean())
    )
