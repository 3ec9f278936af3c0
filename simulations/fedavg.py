"""Federated averaging, tuned: rounds x local steps x learning rate, of the whole network and of the decider, from both starts.

Run:    make study STUDY=simulations.fedavg DATA=<folder with train/CLASS/IMAGE and test/CLASS/IMAGE of CIFAR-10>
Data:   that of simulations.table5, and its networks, budgets, entities and seeds
Grid:   from the lead's weights 4 or 12 rounds, each of one pass over the own images at two learning rates, or all together of the
        gradient steps that the sharing arms take; from scratch 20 rounds, of one pass at the same two rates, or all together of
        the pre-training's steps; for the whole network and for the decider alone. A grid that one seed gets through in some 20
        minutes on two cores: what lies beyond it, more rounds and other rates, may be better
Choice: of each of the four the arm with the best mean top-1 on the entities' own validation images, over entities and seeds (✓ in
        the table, and a section of the report); test images choose nothing
Steps:  of 64 images, for each large entity and seed 1,720 of each part from the lead's weights and 2,400 from scratch, in all
        settings together (a sharing arm takes 300, at the rate that was chosen for it: see simulations.table5)
Shows:  accuracy against megabytes fetched and against seconds, round by round (curves.csv, figures/curves.svg)
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from dpm_flower.core.arms import Averaged, AveragingArm, SharingArm, Start
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from simulations.table5 import POISONED
from simulations.table5 import STUDY as TABLE5

PARTS: tuple[Averaged, ...] = ("network", "decider")
STARTS: tuple[tuple[Start, tuple[int, ...]], ...] = (("lead", (4, 12)), ("scratch", (20,)))  # with the numbers of rounds
RATES = (2e-3, 1e-2)
# local epochs and rate; None: the steps and the rate of the study's budget, whatever an entity has
LOCAL: tuple[tuple[int | None, float | None], ...] = ((None, None), *((1, rate) for rate in RATES))


def grid() -> Iterator[AveragingArm]:
    """The settings, part after part and start after start."""
    for part, (start, numbers) in product(PARTS, STARTS):
        for rounds, (epochs, rate) in product(numbers, LOCAL):
            taken = f"{epochs} ep x {rate:g}" if epochs else "budget"
            name = f"{part}, {start}: {rounds} x {taken}"
            yield AveragingArm(name=name, part=part, start=start, rounds=rounds, local_epochs=epochs, learning_rate=rate)


STUDY = replace(
    TABLE5,
    name="fedavg",
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + raw features", method=RawFeatures()),
        SharingArm(name="own + poisoned", method=POISONED),
        SharingArm(name="shared decider", method=POISONED, refine="shared"),
        *grid(),
    ),
    columns=("validation_top1", "top1", "seeds", "bytes", "fetched", "seconds"),
)
