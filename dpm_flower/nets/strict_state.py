"""Reading weights that came from elsewhere into a network: all of them fit and are sound, or nothing is changed."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, ShapeError

LARGEST_COUNT = 2**53  # up to here floating point holds every whole number


def overwrite(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """A network's own tensors, and values for all of them under the same names -> the own ones hold these values.

    Names, shapes and types must match; a whole number (a batch norm's count of batches) may come as a floating-point average
    and is rounded. Raises ShapeError for another shape; ReleaseError for another set of names, another type, a value that is
    not finite, or a variance below zero. The message names the first offender, and the own tensors stay as they were.
    """
    for name in (*own, *given):
        if name not in given:
            raise ReleaseError(f"wanted a tensor {name!r}, got none of that name")
        if name not in own:
            raise ReleaseError(f"wanted the tensors of this network only, got {name!r} as well")
    values = {name: _checked(name, tensor, given[name]) for name, tensor in own.items()}
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(values[name])


def _checked(name: str, own: Tensor, given: Tensor) -> Tensor:
    """The given values in the own tensor's type."""
    if given.shape != own.shape:
        raise ShapeError(f"wanted {name!r} of shape {tuple(own.shape)}, got {tuple(given.shape)}")
    counts = not own.is_floating_point() and given.is_floating_point()
    if given.dtype != own.dtype and not counts:
        raise ReleaseError(f"wanted {name!r} of type {own.dtype}, got {given.dtype}")
    if not bool(torch.isfinite(given).all()):
        raise ReleaseError(f"wanted finite values in {name!r}, got {int((~torch.isfinite(given)).sum())} that are not")
    if counts and bool((given.abs() > LARGEST_COUNT).any()):
        raise ReleaseError(f"wanted whole numbers up to 2^53 in {name!r}, got {float(given.abs().max())}")
    if name.endswith("running_var") and bool((given < 0).any()):
        raise ReleaseError(f"wanted variances of at least 0 in {name!r}, got {float(given.min())}")
    return given.detach().round().to(own.dtype) if counts else given.detach()
