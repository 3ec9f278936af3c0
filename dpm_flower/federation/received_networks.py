"""The public networks that a lead answers with, as the server judges them before everybody is asked to adopt them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import PeerError, ReleaseError, ShapeError
from dpm_flower.core.study import Study
from dpm_flower.federation.opening import nets_from

CPU = Compute(torch.device("cpu"), mixed=False)  # the server may have no GPU, and looks at weights only
HEAD = "decider.head."  # the decider's last layer: weights or anchors (K,A), one row for each class


def check_networks(study: Study, nets: Mapping[str, Tensor]) -> None:
    """Raises PeerError for tensors that are not those of the study's networks, or not sound: another lead can still be asked."""
    try:
        nets_from(study, classes_of(nets), CPU, nets)
    except (ReleaseError, ShapeError) as err:
        raise PeerError(f"wanted the study's public networks, got others: {err}") from err


def classes_of(nets: Mapping[str, Tensor]) -> int:
    """The tensors of public networks -> the number of classes; the server has no images to count them in. Raises PeerError."""
    heads = [tensor for name, tensor in nets.items() if name.startswith(HEAD) and tensor.ndim == 2]
    if not heads or not len(heads[0]):
        raise PeerError(f"wanted public networks with a tensor (K,A) below {HEAD!r}, got {', '.join(sorted(nets)) or 'none'}")
    return len(heads[0])
