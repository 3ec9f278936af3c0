"""How near candidates lie to what was released: features to features, and encrypted images to candidates encrypted likewise."""

from typing import assert_never

from torch import Tensor

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.labelled import as_floats
from dpm_flower.nets.encryption import Encryption, Mixing, Shuffling, mixed, reduced
from dpm_flower.nets.patches import unordered


def nearness(released_NChw: Tensor, candidates_GChw: Tensor) -> Tensor:
    """Features of two sets -> minus their mean squared distances (N,G), the same for the same features, of whatever others there are."""
    check_same_shape(released_NChw, candidates_GChw)
    released, candidates = released_NChw.flatten(1).double(), candidates_GChw.flatten(1).double()
    squares = released.square().sum(1).unsqueeze(1) + candidates.square().sum(1) - 2 * released @ candidates.T
    return -squares / candidates.shape[1]


def check_same_shape(released_NChw: Tensor, candidates_GChw: Tensor) -> None:
    """Raises ShapeError unless features of two sets have the same channels and places."""
    if released_NChw.shape[1:] != candidates_GChw.shape[1:]:
        raise ShapeError(f"wanted released features like the candidates', {tuple(candidates_GChw.shape)}, got {tuple(released_NChw.shape)}")


def encrypted_nearness(encryption: Encryption, released_NCHW: Tensor, candidates_GCHW: Tensor) -> Tensor:
    """Images that were encrypted so, and candidates that were not, bytes or floats -> minus the mean squared distance of pixels (N,G).

    Neither encryption has a key: a candidate's own release lies at no distance. Shuffling leaves every patch as it was, so that patches
    are compared without their order; mixing draws nothing, so that candidates are mixed as well.
    """
    released, candidates = as_floats(released_NCHW), as_floats(candidates_GCHW)
    match encryption:
        case Shuffling(patch=patch):
            return nearness(unordered(released, patch), unordered(candidates, patch))
        case Mixing(patch=patch):
            return nearness(reduced(released), mixed(candidates, patch))
    assert_never(encryption)
