"""Parts of a set of tensors whose names are paths."""

from collections.abc import Mapping

from torch import Tensor


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Named tensors -> those whose names begin with `prefix`, under what is left of their names, in the same order."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
