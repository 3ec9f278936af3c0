"""The weights of one entity's private modules: the bytes of every tensor in every type of float."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from tests.canary.needles import float_forms
from tests.canary.unpacking import Values


class WeightMarker:
    """Finds tensors of these modules, whole or in part, however they were cast. Constants are nobody's."""

    kind = "module weights"

    def __init__(self, states: Mapping[str, Mapping[str, Tensor]]) -> None:
        self.needles = [
            needle
            for module, state in states.items()
            for name, value in state.items()
            if value.is_floating_point()
            for needle in float_forms(f"{module}.{name}", value)
        ]

    def alike(self, values: Values) -> Iterator[str]:
        """Values -> nothing: weights are not scaled on their way."""
        del values
        return iter(())
