"""Private images, or groups of them that stay together, dealt out to the entities."""

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.partition import ByClass, ByColumn, Dealt, Dirichlet, Iid
from dpm_flower.core.streams import derived_seed, stream
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.partition_columns import Numbered, numbered
from dpm_flower.data.partition_flower import dirichlet_parts, iid_parts, parts_by_key, single_class_parts
from dpm_flower.data.partition_groups import Groups, groups_in_order, single_images

DRAWS = 10  # times Flower's partitioner is asked, which draws up to eleven times itself


def deal_out(private: Tensor, dataset: DataSet, partition: Dealt, groups: Tensor | None, seed: int) -> tuple[list[Tensor], Tensor]:
    """Shuffled indices (M,) of private images, and groups (N,) that stay together -> each entity's indices, and those of nobody.

    All keep the order that they came in. Raises PartitionError where there is too little to deal, too little variety, or no such column.
    """
    labels = dataset.train.labels[private]
    units = single_images(labels) if groups is None else groups_in_order(groups[private], labels)
    entities, what = len(partition.names), "image" if groups is None else f"value of {partition.together!r}"
    if len(units.sizes) < entities:
        raise PartitionError(f"wanted at least one private {what} for each of {entities} entities, got {len(units.sizes)}")
    owner_U = torch.full_like(units.sizes, -1)
    for number, part in enumerate(_parts(private, dataset, partition, units, seed)):
        owner_U[part] = number
    owner_M = owner_U[units.of_image]
    held = torch.bincount(owner_M + 1, minlength=entities + 1).tolist()
    nobodys, *hands = torch.split(private[torch.argsort(owner_M, stable=True)], held)
    return hands, nobodys


def _parts(private: Tensor, dataset: DataSet, partition: Dealt, units: Groups, seed: int) -> list[Tensor]:
    """The unit numbers that each entity gets."""
    names, rng = partition.names, stream(seed, "division", "deal")
    match partition.deal:
        case Iid():
            return iid_parts(len(units.sizes), len(names))
        case Dirichlet() as deal:
            return _by_dirichlet(deal, len(names), units, seed)
        case ByClass() as deal:
            if not units.pure:
                raise PartitionError(
                    f"wanted all images of one value of {partition.together!r} in one class to deal by class, got mixed ones"
                )
            return _by_class(deal, len(names), units, rng)
        case ByColumn() as deal:
            values = numbered(dataset, deal.column)
            return _by_column(deal.column, names, units, values, values.train[private], rng)
        case _:
            assert_never(partition.deal)


def _by_dirichlet(deal: Dirichlet, entities: int, units: Groups, seed: int) -> list[Tensor]:
    least = deal.least if len(units.sizes) == len(units.of_image) else 1  # of units; of images it is counted here
    for draw in range(DRAWS):
        try:
            parts = dirichlet_parts(units.labels, entities, deal.alpha, least, derived_seed(seed, "division", "Dirichlet", str(draw)))
        except PartitionError:
            continue
        if min(int(units.sizes[part].sum()) for part in parts) >= deal.least:
            return parts
    raise PartitionError(
        f"Dirichlet(alpha={deal.alpha:g}): wanted at least {deal.least} of {len(units.of_image)} private images for each of {entities} "
        f"entities, got none such in {DRAWS} rounds of draws; raise alpha, or lower least or the number of entities"
    )


def _by_class(deal: ByClass, entities: int, units: Groups, rng: torch.Generator) -> list[Tensor]:
    """Every class in as many equal parts as entities shall have it; an entity takes the classes of which most parts are left."""
    present, class_U, held = torch.unique(units.labels, return_inverse=True, return_counts=True)
    classes, parts = len(present), entities * deal.classes
    if deal.classes > classes:
        raise PartitionError(f"wanted {deal.classes} classes for each entity, got private images of {classes}")
    rank = torch.randperm(classes, generator=rng)  # which classes have a part more than others, or have any at all
    wanted = torch.bincount(torch.arange(parts) % classes, minlength=classes)
    short = [f"class {present[number]}: {held[number]}" for number in range(classes) if held[number] < wanted[rank[number]]]
    if short:
        raise PartitionError(f"wanted each class in {int(wanted.max())} parts, got too few private images of {', '.join(short)}")
    rank_U = rank[class_U]
    used = (rank_U < parts).nonzero().flatten()
    pieces = [used[part] for part in single_class_parts(rank_U[used], parts)]
    left, hands = wanted.clone(), []
    for _ in range(entities):  # taking the fullest piles keeps every pile no higher than the number of hands to come
        chosen = (left + torch.rand(classes, generator=rng)).topk(deal.classes).indices
        left[chosen] -= 1
        hands.append(torch.cat([pieces[int(number + classes * left[number])] for number in chosen]))
    return hands


def _by_column(column: str, names: Sequence[str], units: Groups, values: Numbered, value_M: Tensor, rng: torch.Generator) -> list[Tensor]:
    value_U = torch.zeros_like(units.sizes).scatter_(0, units.of_image, value_M)
    if not torch.equal(value_U[units.of_image], value_M):
        torn = values.values[int(value_M[value_U[units.of_image] != value_M][0])]
        raise PartitionError(f"wanted images that stay together under one value of {column!r}, got some under {torn!r} and under another")
    present = torch.unique(value_M).tolist()
    owner_of = _owners([values.values[number] for number in present], column, names, rng)
    owner_V = torch.full((len(values.values),), -1)
    owner_V[present] = torch.tensor(owner_of)
    owner_U = owner_V[value_U]
    owned = (owner_U >= 0).nonzero().flatten()
    return [owned[part] for part in parts_by_key(owner_U[owned])]


def _owners(values: Sequence[str], column: str, names: Sequence[str], rng: torch.Generator) -> list[int]:
    """Sorted values and the entities' names -> the entity number of each value, -1 for nobody's."""
    named = [name for name in names if name in values]
    if len(named) == len(names):
        return [names.index(value) if value in names else -1 for value in values]
    if named:
        others = ", ".join(name for name in names if name not in values)
        raise PartitionError(f"wanted entities named after private values of {column!r}, all or none, got others too: {others}")
    if len(names) > len(values):
        raise PartitionError(f"wanted at most as many entities as {column!r} has private values, {len(values)}, got {len(names)}")
    if len(names) == len(values):
        return list(range(len(values)))
    return (torch.randperm(len(values), generator=rng) % len(names)).tolist()
