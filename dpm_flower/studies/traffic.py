"""Cells -> the same with what each receiver fetched: its peers' releases, and the averages that updates come back as.

A release is fetched from its sender or from a relay, by each receiver once: what a receiver fetches is the same either way, whereas
a sender uploads once or as often as it has receivers. An average is as large as the update that went into it. What everybody
gets alike, the networks of the pre-training, counts in no arm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from dpm_flower.core.arms import RECEIVED, SharingArm
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.study import Study
from dpm_flower.methods.nothing import Nothing
from dpm_flower.studies.cells import Cell, receivers_of

SENT, FETCHED = "bytes_sent", "bytes_fetched"
Sizes: TypeAlias = Mapping[tuple[int, SharingMethod, str], float]  # seed, method, sender -> bytes of its release


def with_fetched(study: Study, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """A study's cells -> the same, those of receivers with ``bytes_fetched`` among their costs, also round by round.

    The figure is left out where the size of a release is unknown: in a ``shared`` arm updates are sent as well, so that the size
    has to be known from another arm with that method.
    """
    sizes = _release_sizes(study, cells)
    return tuple(_with_fetched(study, cell, sizes) for cell in cells)


def _release_sizes(study: Study, cells: Sequence[Cell]) -> Sizes:
    """Where no updates are sent, what a sender sent is its release: one for each method, however many arms use it."""
    sizes = {}
    for cell in cells:
        arm = study.arm(cell.arm) if cell.arm != RECEIVED else None
        if isinstance(arm, SharingArm) and arm.refine != "shared" and arm.sends(cell.entity):
            sizes[cell.seed, arm.method_of(cell.entity), cell.entity] = cell.costs.get(SENT, 0.0)
    return sizes


def _with_fetched(study: Study, cell: Cell, sizes: Sizes) -> Cell:
    if cell.arm == RECEIVED or not cell.costs or cell.entity not in receivers_of(study, cell.arm):
        return cell
    arm = study.arm(cell.arm)
    fetched, own = 0.0, 0.0
    if isinstance(arm, SharingArm):
        known = dict(_sizes_in(study, arm, cell.seed, sizes))
        if None in known.values():
            return cell
        fetched = sum(size or 0.0 for sender, size in known.items() if sender != cell.entity)
        own = known.get(cell.entity) or 0.0
    updates = not isinstance(arm, SharingArm) or arm.refine == "shared"

    def costs(spent: Mapping[str, float]) -> dict[str, float]:
        return {**spent, FETCHED: fetched + (spent.get(SENT, 0.0) - own if updates else 0.0)}

    return replace(cell, costs=costs(cell.costs), rounds=tuple(replace(each, costs=costs(each.costs)) for each in cell.rounds))


def _sizes_in(study: Study, arm: SharingArm, seed: int, sizes: Sizes) -> Iterator[tuple[str, float | None]]:
    """(sender, bytes of its release) of everybody who sends in an arm; None where no other arm tells the size."""
    for name in study.partition.names if not isinstance(arm.method, Nothing) else ():
        if arm.sends(name):
            method = arm.method_of(name)
            yield name, sizes.get((seed, method, name), 0.0 if _told_elsewhere(study, method, name) else None)


def _told_elsewhere(study: Study, method: SharingMethod, name: str) -> bool:
    """Whether some arm would have shown this entity's release by itself; if it did not, then nothing was released."""
    arms = [arm for arm in study.arms if isinstance(arm, SharingArm) and arm.refine != "shared"]
    return any(arm.sends(name) and arm.method_of(name) == method for arm in arms)
