"""The elastic penalty: weights are held where they were, each as firmly as what was learnt depends on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from dpm_flower.training.continual.fisher import Information


def elastic_term(shift: Tensor, information: Tensor, firmness: float, bound: float | None) -> Tensor:
    """By how much weights have moved, their information, and lambda -> a scalar, sum of lambda/2 x F x shift^2.

    With a `bound` it is Huber's: a weight that would be drawn back with more than `bound`, lambda x F x |shift|, is drawn back with that.
    A few weights have nearly all of the information, and without one their gradients leave the others no part in a clipped step.
    """
    pull = firmness * information * shift.abs()
    square = 0.5 * pull * shift.abs()
    if bound is None:
        return square.sum()
    return torch.where(pull <= bound, square, bound * shift.abs() - 0.5 * bound**2 / (firmness * information)).sum()


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Where weights are held, and by how much information."""

    centre: Mapping[str, Tensor]
    information: Information

    @classmethod
    def at(cls, network: nn.Module, information: Information, earlier: "Held | None", decay: float) -> Self:
        """A network's weights as they are, the information of the latest images, and what held until now, which counts `decay` times.

        1: the information of all days is added up; the centre is the latest in any case, since the weights there have already been
        held to all earlier ones. Source: Huszar 2018 (arXiv 1712.03847); with decay, online EWC, Schwarz et al. 2018 (arXiv 1805.06370).
        """
        centre = {name: parameter.detach().clone() for name, parameter in network.named_parameters() if name in information}
        if earlier is None:
            return cls(centre, information)
        return cls(centre, {name: decay * earlier.information[name] + each for name, each in information.items()})

    def penalty(self, network: nn.Module, firmness: float, bound: float | None) -> Tensor:
        """The network as it is now -> lambda/2 x sum of F (w - centre)^2, a scalar with a way back to its weights."""
        parameters = dict(network.named_parameters())
        terms = [elastic_term(parameters[name] - at, self.information[name], firmness, bound) for name, at in self.centre.items()]
        return torch.stack(terms).sum()

    @property
    def size_bytes(self) -> int:
        """Of information and centre."""
        return sum(each.nbytes for each in (*self.centre.values(), *self.information.values()))
