"""One yes-or-no attribute of several -> the two classes of a task."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labels


def attribute_classes(attributes_NA: Tensor, names: Sequence[str], label: str, where: str) -> tuple[Labels, tuple[str, str]]:
    """Attributes (N,A) of 0 and 1, their A names and the one wanted -> labels (N,) and the two classes' names.

    `where` names the source in messages. Raises DataError for an unknown name, listing those that there are, and for other values.
    """
    if label not in names:
        raise DataError(f"{where}: wanted one of its attributes as label, {', '.join(names)}; got {label!r}")
    values = attributes_NA[:, list(names).index(label)].to(torch.int64)
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) <= 1:
        raise DataError(f"{where}: wanted the attribute {label} as 0 and 1, got values from {int(values.min())} to {int(values.max())}")
    return values, (f"not {label}", label)
