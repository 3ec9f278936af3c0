"""Sharing nothing: the baseline of every gain."""

from dataclasses import dataclass

from dpm_flower.core.protocols import Preparation, Sharer


@dataclass(frozen=True, slots=True)
class Nothing:
    """Every entity keeps its data to itself."""

    name: str = "nothing"

    def prepare(self, preparation: Preparation) -> Sharer | None:  # noqa: ARG002  # the contract's argument
        """Nothing is prepared, since nothing is shared."""
        return None
