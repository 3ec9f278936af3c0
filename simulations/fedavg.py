"""Federated averaging at its best: rounds x local epochs x learning rate, of the whole network and of the decider, from both starts.

Run:    make study STUDY=simulations.fedavg DATA=<folder with train/CLASS/IMAGE and test/CLASS/IMAGE of CIFAR-10>
Data:   that of simulations.table5, and its networks, budgets, entities and seeds
Grid:   5 or 20 rounds x 1 or 4 passes over the own images in each x two learning rates, and the same number of gradient steps as
        the sharing arms take; for the whole network and for the decider alone, from the lead's weights and from scratch
Choice: of each of the four the arm with the best mean top-1 on the entities' own validation images, over entities and seeds (✓ in
        the table, and a section of the report); test images choose nothing
Steps:  for each of the four 9,000 to 12,000 gradient steps of 64 images per large entity and seed (a sharing arm takes 300)
Shows:  accuracy against megabytes and against seconds, round by round (curves.csv, figures/curves.svg)
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from dpm_flower.core.arms import Averaged, AveragingArm, SharingArm, Start
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from simulations.table5 import STUDY as TABLE5

PARTS: tuple[Averaged, ...] = ("network", "decider")
STARTS: tuple[Start, ...] = ("lead", "scratch")
ROUNDS = (5, 20)
EPOCHS: tuple[int | None, ...] = (None, 1, 4)  # None: the steps of the study's budget, whatever an entity has
RATES = (2e-3, 1e-2)


def grid() -> Iterator[AveragingArm]:
    """The settings, part after part and start after start. With the budget's steps only the budget's rate, once per number of rounds."""
    for part, start, rounds, epochs in product(PARTS, STARTS, ROUNDS, EPOCHS):
        for rate in RATES if epochs else (None,):
            taken = f"{epochs} ep x {rate:g}" if epochs else "budget"
            name = f"{part}, {start}: {rounds} x {taken}"
            yield AveragingArm(name=name, part=part, start=start, rounds=rounds, local_epochs=epochs, learning_rate=rate)


STUDY = replace(
    TABLE5,
    name="fedavg",
    arms=(
        SharingArm(name="own only", method=Nothing()),
        SharingArm(name="own + raw features", method=RawFeatures()),
        SharingArm(name="own + poisoned", method=DeepPoisoning()),
        SharingArm(name="shared decider", method=DeepPoisoning(), refine="shared"),
        *grid(),
    ),
    columns=("validation_top1", "top1", "seeds", "bytes", "seconds"),
)
