"""Assembled networks and the weights that they are to have -> the same networks, frozen and where they compute."""

from collections.abc import Mapping
from typing import Protocol, Self, TypeVar

from torch import Tensor, nn

from dpm_flower.core.compute import Compute


class Loadable(Protocol):
    """The two halves of a network that was cut, and what undoes the first."""

    @property
    def featurizer(self) -> nn.Module:
        """The first half."""
        ...

    @property
    def decider(self) -> nn.Module:
        """The second half."""
        ...

    @property
    def reconstructor(self) -> nn.Module:
        """What turns features back into images."""
        ...

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over weights. Raises ShapeError or ReleaseError for others."""
        ...

    def frozen(self) -> Self:
        """A copy that is not trained any more."""
        ...


L = TypeVar("L", bound=Loadable)


def loaded(nets: L, tensors: Mapping[str, Tensor], compute: Compute) -> L:
    """Networks, weights by name, and where to compute -> frozen networks with these weights. Raises what `load` raises."""
    nets.load(tensors)
    nets = nets.frozen()
    for network in (nets.featurizer, nets.decider, nets.reconstructor):
        compute.place_module(network)
    return nets
