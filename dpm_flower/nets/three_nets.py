"""Featurizer, decider and reconstructor as one value, whatever the decider answers: its copies, weights and digests."""

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.nets.named_tensors import copied, named_tensors
from dpm_flower.nets.strict_state import overwrite


@dataclass(slots=True, eq=False, kw_only=True)
class ThreeNets:
    """`spec.featurizer_digest` is that of the featurizer when the networks were assembled, loaded or frozen; training in between
    changes weights and not the digest.
    """

    featurizer: nn.Module
    decider: nn.Module
    reconstructor: nn.Module
    spec: FeatureSpec

    def frozen(self) -> Self:
        """A copy to give to all: in evaluation mode, no parameter asks for a gradient, the digest is that of the weights."""
        nets = copy.deepcopy(self)
        for network in nets._networks().values():
            network.eval().requires_grad_(False)
        nets._renew_digest()
        return nets

    def tensors(self) -> dict[str, Tensor]:
        """All weights and statistics, copied: names start with "featurizer.", "decider." or "reconstructor."."""
        return copied(self._live())

    def digest(self) -> str:
        """SHA-256 of all weights and statistics, in hexadecimal."""
        return tensors_digest(self._live())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over weights that `tensors` gave; modules, and whoever shares them, stay the same objects.

        Raises ShapeError or ReleaseError, naming the first offender, and changes nothing unless all of them fit and are sound.
        """
        overwrite(self._live(), tensors)
        self._renew_digest()

    def loaded(self, tensors: Mapping[str, Tensor], compute: Compute) -> Self:
        """Weights, and where to compute -> frozen networks with these, placed. Raises what `load` raises."""
        self.load(tensors)
        return self.frozen().placed(compute)

    def placed(self, compute: Compute) -> Self:
        """Where to compute -> these networks, which are there now."""
        for network in self._networks().values():
            compute.place_module(network)
        return self

    def _networks(self) -> dict[str, nn.Module]:
        return {"featurizer": self.featurizer, "decider": self.decider, "reconstructor": self.reconstructor}

    def _live(self) -> dict[str, Tensor]:
        return named_tensors(self._networks())

    def _renew_digest(self) -> None:
        self.spec = dataclasses.replace(self.spec, featurizer_digest=tensors_digest(self.featurizer.state_dict()))
