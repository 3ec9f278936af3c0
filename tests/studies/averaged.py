"""The hand-made study with several settings of federated averaging, and their rounds."""

from dataclasses import replace

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.outcome import Outcome, RoundFigures
from dpm_flower.studies.results import Results, results_of
from tests.studies import hand_made
from tests.studies.hand_made import FACTS

SLOW, FAST, HASTY = (AveragingArm(name=name, rounds=2, learning_rate=rate) for name, rate in (("slow", 0.1), ("fast", 0.2), ("hasty", 0.9)))
PROX = AveragingArm(name="prox", rounds=2, proximal_mu=0.1)
STUDY = replace(hand_made.STUDY, arms=(*hand_made.STUDY.arms[:3], SLOW, FAST, HASTY, PROX))
TOP1 = {"slow": 0.70, "fast": 0.74, "hasty": 0.80, "prox": 0.76}
VALIDATION = {"slow": 0.72, "fast": 0.75, "hasty": 0.73, "prox": 0.71}  # what chooses; the best on test images is another one
JUDGE = "a"


def outcome(seed: int, arm: str, entity: str) -> Outcome:
    """A cell one point up per seed; round 1 is ten points worse, and evaluated by a alone; round r has cost r MB and 2 r seconds."""
    top1, place = TOP1[arm] + 0.01 * seed, "abc".index(entity)
    quality = {"top1": top1, "validation_top1": VALIDATION[arm] + 0.01 * seed + 0.02 * (place - 1)}
    first = {"top1": top1 - 0.1, "validation_top1": 0.5}
    rounds = tuple(
        RoundFigures(number, figures if entity == JUDGE else {}, {"bytes_sent": 1e6 * number, "seconds": 2.0 * number + place - 1})
        for number, figures in ((1, first), (2, quality))
    )
    return Outcome(seed, arm, entity, quality, dict(rounds[-1].costs), rounds=rounds)


def outcomes() -> list[Outcome]:
    """One outcome per cell of the study."""
    others = hand_made.outcomes(replace(hand_made.STUDY, arms=hand_made.STUDY.arms[:3]))
    return others + [outcome(seed, arm, entity) for seed in STUDY.seeds for arm in TOP1 for entity in "abc"]


def results() -> Results:
    """The results of these outcomes."""
    return results_of(STUDY, outcomes(), FACTS)
