"""A small study made by hand, its outcomes and its facts: what the tests of this package count with."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from dpm_flower.core.arms import RECEIVED, AveragingArm, SharingArm
from dpm_flower.core.outcome import Outcome
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import Preparation, Sharer
from dpm_flower.core.study import Study
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.studies.facts import Facts, Holding, TestSet
from dpm_flower.studies.pictures import PictureRow, Pictures

IMAGES = 400


@dataclass(frozen=True, slots=True)
class Named:
    name: str
    weight: float = 1.0

    def prepare(self, preparation: Preparation) -> Sharer | None:
        return None


STUDY = Study(
    name="three hospitals",
    partition=Shares(entities=(("a", 0.4), ("b", 0.3), ("c", 0.05))),
    arms=(
        SharingArm(name="own data", method=Nothing()),
        SharingArm(name="raw features", method=RawFeatures()),
        SharingArm(name="poisoned", method=Named("poisoned", weight=2.0)),
        SharingArm(name="poisoned, c only", method=Named("poisoned"), receivers=("c",)),
        AveragingArm(name="FedAvg"),
    ),
    seeds=(0, 1, 2),
)
TOP1 = {RECEIVED: 0.6, "own data": 0.62, "raw features": 0.82, "poisoned": 0.78, "poisoned, c only": 0.77, "FedAvg": 0.8}
FACTS = Facts(
    classes=("0", "1", "2"),
    holdings=(Holding("a", (200, 150, 50)), Holding("b", (10, 140, 150)), Holding("c", (20, 0, 30))),
    public=(60, 70, 70),
    holdings_seed=0,
    tests={name: TestSet(IMAGES, 0.4) for name in "abc"},
    machine={"processor": "hand-made", "threads": "1"},
    versions={"torch": "2.15"},
    wall_s=3725.0,
    command="dpm-flower run simulations.hand:STUDY",
    made_at="2030-01-02T03:04:05+00:00",
)


def outcome(seed: int, arm: str, entity: str) -> Outcome:
    """A cell whose top-1 is its arm's, one point up per seed and one down per entity after the first; the first images are right."""
    top1 = TOP1[arm] + 0.01 * seed - 0.01 * "abc".index(entity)
    quality = {"top1": top1, "validation_top1": top1}
    costs = {"seconds": 2.0 + seed}
    if "poisoned" in arm:
        quality |= {"top1_z": 0.6, "top1_p": 0.55 + 0.01 * seed, "ssim_z": 0.7, "ssim_p": 0.1 * seed}
        costs["bytes_sent"] = 3e6
    return Outcome(seed, arm, entity, quality, costs, torch.arange(IMAGES) < round(top1 * IMAGES))


def outcomes(study: Study = STUDY) -> list[Outcome]:
    """One outcome per cell of the study."""
    receivers = {arm.name: getattr(arm, "receivers", ()) or study.partition.names for arm in study.arms} | {RECEIVED: study.partition.names}
    return [outcome(seed, arm, entity) for seed in study.seeds for arm, names in receivers.items() for entity in names]


def changed(all_outcomes: list[Outcome], seed: int, arm: str, entity: str, **change: object) -> list[Outcome]:
    """The same outcomes, one of them changed; it must be among them."""
    place = next(i for i, one in enumerate(all_outcomes) if (one.seed, one.arm, one.entity) == (seed, arm, entity))
    return [*all_outcomes[:place], replace(all_outcomes[place], **change), *all_outcomes[place + 1 :]]  # type: ignore[arg-type]


def pictures(method: str = "poisoned", number: int = 3) -> Pictures:
    """Rows of pictures in four different greys."""
    greys = {"original": 10, "raw": 90, "shared": 170, "negative": 250}
    rows = [PictureRow(label, np.full((number, 8, 8, 3), level, dtype=np.uint8)) for label, level in greys.items()]
    return Pictures(method, tuple(rows))
