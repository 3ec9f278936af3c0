"""How badly two patches fit together: patches (B,N,C,p,p) -> costs (B,N,N) of the second to the right of, or below, the first."""

import torch
from torch import Tensor

FAINTEST = 3 / 255  # standard deviation of a gradient: in a flat patch rounding makes about as much, and an own one of 0 has no inverse


def edge_costs(patches_BNCpp: Tensor) -> tuple[Tensor, Tensor]:
    """Patches, floats, of at least 2 pixels -> costs (B,N,N) that [i, j] lies to the right of i, and below i; 0 = fits best.

    Mahalanobis gradient compatibility: the step from one patch's last line to the other's first is judged by the steps that the
    patch itself has there, in all colours at once, and the same from the other's side. Source: Gallagher, CVPR 2012, equations 1 to 5.
    """
    return _costs(patches_BNCpp), _costs(patches_BNCpp.transpose(3, 4))


def affinities(costs_BNN: Tensor) -> Tensor:
    """Costs (B,N,N) -> how well pairs fit beside what else there is for either patch, (B,N,N) in [0,1]; 1 = perfectly, 0 = a patch itself.

    Costs of one patch do not compare with another's: each is measured by the second best of its row, and of its column.
    """
    itself = torch.eye(costs_BNN.shape[1], dtype=torch.bool, device=costs_BNN.device)
    costs = costs_BNN.masked_fill(itself, float("inf"))
    least = torch.finfo(costs.dtype).tiny
    by_row = (-costs / costs.kthvalue(2, dim=2, keepdim=True).values.clamp_min(least)).exp()
    by_column = (-costs / costs.kthvalue(2, dim=1, keepdim=True).values.clamp_min(least)).exp()
    return 0.5 * (by_row + by_column)


def _costs(patches_BNCpp: Tensor) -> Tensor:
    """For pairs side by side."""
    there = _one_way(patches_BNCpp)
    back = _one_way(patches_BNCpp.flip(4))  # seen in a mirror, what lay to the right lies to the left
    return there + back.transpose(1, 2)


def _one_way(patches_BNCpp: Tensor) -> Tensor:
    """The step from i's last column to j's first, by the steps that i has there itself."""
    last, before, first = (patches_BNCpp[..., column].transpose(2, 3) for column in (-1, -2, 0))  # (B,N,p,C)
    steps = last - before
    mean = steps.mean(2, keepdim=True)
    spread = steps - mean
    eye = torch.eye(spread.shape[3], device=spread.device)
    covariance = spread.transpose(2, 3) @ spread / spread.shape[2] + FAINTEST**2 * eye
    whitening = torch.linalg.cholesky(torch.linalg.inv(covariance))  # (B,N,C,C)
    expected = (last + mean) @ whitening
    met = torch.einsum("bjpc,bicd->bijpd", first, whitening)
    costs: Tensor = (met - expected.unsqueeze(2)).square().sum(dim=(3, 4))
    return costs
