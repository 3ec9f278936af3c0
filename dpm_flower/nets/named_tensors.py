"""The weights and statistics of several networks, each under its network's name."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def named_tensors(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Networks by name -> their tensors by "NETWORK.TENSOR": the tensors themselves, which change when the networks are trained."""
    return {f"{prefix}.{name}": tensor for prefix, network in networks.items() for name, tensor in network.state_dict().items()}


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by name -> copies, in the order of memory that files have."""
    return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
