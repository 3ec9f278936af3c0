"""Channels standardised, so that features of two modules can be compared: each has mean 0 and deviation 1."""

import torch
from torch import Tensor

LEAST_DEVIATION = 1e-6  # a channel that says the same everywhere has no deviation: it comes to 0 instead of nan


def standardised_by_channel(features_NChw: Tensor) -> Tensor:
    """What one module released (N,C,h,w) -> the same with mean 0 and deviation 1 in each channel: what two modules differ in most."""
    deviations, means = torch.std_mean(features_NChw, dim=(0, 2, 3), keepdim=True, correction=0)
    return (features_NChw - means) / deviations.clamp_min(LEAST_DEVIATION)
