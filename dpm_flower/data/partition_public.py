"""Which training images are public, and which classes the private task keeps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.partition import Partition, public_share
from dpm_flower.core.streams import stream
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.stratified import apportion, stratified_split


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Indices of the public images, of the private ones, and of those that are neither."""

    public: Tensor
    private: Tensor
    unused: Tensor


def public_and_private_classes(dataset: DataSet, partition: Partition) -> tuple[Tensor, Tensor]:
    """A data set and a partition -> the class numbers of the public and of the private images, ascending.

    Without public classes both are all classes. Where the partition says only how many are public, a named stream draws them:
    the same ones under every seed of a study, so that its seeds have one task and one test set. Raises PartitionError for classes
    that do not exist and for fewer than 2 private ones.
    """
    count, wanted = dataset.train.classes, partition.public_classes
    if isinstance(wanted, int):
        public = torch.randperm(count, generator=stream(0, "public classes"))[:wanted].sort().values.tolist()
    else:
        public = sorted(wanted)
    if len(set(public)) != len(public) or any(not 0 <= number < count for number in public):
        raise PartitionError(f"public classes must be different numbers in [0, {count}), the classes of {dataset.name}, got {wanted}")
    private = [number for number in range(count) if number not in set(public)]
    if len(private) < 2:
        asked = wanted if isinstance(wanted, int) else len(wanted)
        raise PartitionError(f"wanted at least 2 private classes, got {len(private)}: {asked} of {count} classes are public")
    return torch.tensor(public or private), torch.tensor(private)


def public_and_private(order: Tensor, labels: Labels, classes: Tensor, partition: Partition, groups: Tensor | None) -> Sides:
    """Shuffled indices (M,) into labels (N,), the private classes (K,) and groups (N,) that stay together -> who may see what.

    Where public classes and groups are both set, a group that has private images has no public ones: those are left out.
    Raises PartitionError where nothing is public or nothing is private.
    """
    torn = order[:0]
    share = public_share(partition)
    if partition.public_classes:
        is_private = torch.isin(labels[order], classes)
        candidates, private = order[~is_private], order[is_private]
        if groups is not None:
            is_torn = torch.isin(groups[candidates], groups[private])
            candidates, torn = candidates[~is_torn], candidates[is_torn]
        public, unused = stratified_split(candidates, labels, apportion(len(candidates), (share, 1.0 - share))[0], groups)
    else:
        unused = order[:0]
        public, private = stratified_split(order, labels, apportion(len(order), (share, 1.0 - share))[0], groups)
    for part, name in ((public, "public"), (private, "private")):
        if not len(part):
            why = f"; {len(torn)} of public classes have the {partition.together!r} of a private one" if len(torn) else ""
            raise PartitionError(f"wanted at least 1 {name} image, got none of {len(order)} different training images{why}")
    return Sides(public, private, torch.cat((torn, unused)))
