"""What the label alone tells of attributes: how many of a class have each, among images that the attacker owns."""

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import UNKNOWN, Labelled


def attribute_rates(auxiliary: Labelled) -> Tensor:
    """Images with attributes (N,A) of K classes -> the share of each class that has each attribute (K,A), float64, in (0,1).

    Images of which an attribute is unknown do not count for it. A class has one image more than it has, with the attribute's rate
    over all classes, and all classes together two more, one of which has it: nothing is taken to be sure, and of a class without
    images the rate is that of all. It is the floor of attribute inference: no release that says its labels tells less. Raises
    DataError for images without attributes. Source: SPEC.md, section 8.
    """
    if auxiliary.attributes is None:
        raise DataError("wanted images with attributes to learn their rates from, got none")
    has, known = ((mask).double() for mask in (auxiliary.attributes == 1, auxiliary.attributes != UNKNOWN))
    of_all_A = (has.sum(0) + 1) / (known.sum(0) + 2)
    has_KA, known_KA = (
        torch.zeros(auxiliary.classes, has.shape[1], dtype=torch.float64).index_add_(0, auxiliary.labels, each) for each in (has, known)
    )
    return (has_KA + of_all_A) / (known_KA + 1)
