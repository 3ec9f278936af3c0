"""Where class anchors lie: classes, dimensions and a placing -> (K,A) rows of length 1, all equally far from each other."""

import math

import torch
from torch import Tensor

from dpm_flower.core.classification import Placing
from dpm_flower.core.errors import SettingError


def place_anchors(classes: int, dimensions: int, placing: Placing, rng: torch.Generator) -> Tensor:
    """K classes in A dimensions -> anchors (K,A), float32, of length 1; `rng` turns them, and their mutual distances stay.

    Orthonormal anchors lie sqrt(2) apart and need A >= K; a simplex's lie sqrt(2K / (K - 1)) apart, the farthest that K points on
    a sphere can be, and needs A >= K - 1. Raises SettingError for fewer than two classes and for too few dimensions.
    Source: arXiv 1804.08087.
    """
    if classes < 2:
        raise SettingError(f"anchors keep at least 2 classes apart, got {classes}")
    if dimensions < classes - 1:
        raise SettingError(f"equally separated anchors of {classes} classes need at least {classes - 1} dimensions, got {dimensions}")
    if placing == "simplex" or dimensions < classes:
        return _simplex(classes, dimensions, rng)
    return _orthonormal(classes, dimensions, rng)


def _orthonormal(classes: int, dimensions: int, rng: torch.Generator) -> Tensor:
    """Each class owns its coordinates and is spread evenly over them: rows that share none are orthogonal without a sign."""
    anchors_KA = torch.zeros(classes, dimensions)
    for row_A, own in zip(anchors_KA, torch.randperm(dimensions, generator=rng).tensor_split(classes), strict=True):
        row_A[own] = 1 / math.sqrt(len(own))
    return anchors_KA


def _simplex(classes: int, dimensions: int, rng: torch.Generator) -> Tensor:
    """Rows of a basis of what is orthogonal to (1, ..., 1) are the vertices of a simplex; a second basis turns it in space."""
    drawn = torch.randn(classes, classes - 1, generator=rng, dtype=torch.float64)
    vertices = _basis(drawn - drawn.mean(0)) * math.sqrt(classes / (classes - 1))
    turn = _basis(torch.randn(dimensions, classes - 1, generator=rng, dtype=torch.float64))
    return (vertices @ turn.T).float()


def _basis(columns: Tensor) -> Tensor:
    """Independent columns (n,m) -> orthonormal columns (n,m) of the same span."""
    basis: Tensor = torch.linalg.qr(columns).Q
    return basis
