"""Sharing the photographs with their masks themselves: the upper bound that nobody may use."""

from dataclasses import dataclass

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.shared import SharedMasks
from dpm_flower.data.masks import Masked
from dpm_flower.methods.pair_sharing import Offered


@dataclass(frozen=True, slots=True)
class RawPairs:
    """Photographs and masks leave the house as they are."""

    name: str = "raw-pairs"

    def offered(
        self,
        private: Masked,
        held_out: Masked,  # noqa: ARG002  # the contract's arguments
        *,
        compute: Compute,  # noqa: ARG002
        rng: torch.Generator,  # noqa: ARG002
        report: Report = silent,  # noqa: ARG002
    ) -> Offered:
        """The own pairs."""
        return Offered(SharedMasks(private.images, private.masks))
