"""L1 without training, against blends: the candidate whose features are a blend of what was released under one label."""

from dataclasses import dataclass
from typing import Literal, assert_never

import torch
from torch import Tensor

from dpm_flower.attacks.nearest_features import NearestLinker
from dpm_flower.attacks.nearness import check_same_shape
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages

LEAST_SHARE = 1e-12  # of the widest direction's square, below which another one is none but rounding


@dataclass(frozen=True, slots=True)
class SpannedRelease:
    """Candidates are ranked by how much of their features the released ones of a label span.

    Whoever releases blends of features in place of them hides each from who compares one with one; but as many blends as there were
    images span the images themselves, whatever the parts were, and nobody else's as long as a label has fewer of them than there are
    values. Noise, or values that were set to 0, make that a matter of degree. It says who is in a release, and not where: all that was
    released under a label is scored alike. Source: an attack of our own.
    """

    name: str = "L1.spanned"
    level: Level = Level.L1

    @property
    def tells_members(self) -> Literal[True]:
        """It says who is in a release, and not where."""
        return True

    def linker(self, view: AttackerView, rng: torch.Generator) -> "SpannedLinker":  # noqa: ARG002  # this attack draws nothing
        """There is nothing to train: the featurizer is public."""
        return SpannedLinker(NearestLinker.of(view))


@dataclass(frozen=True, slots=True, eq=False)
class SpannedLinker:
    """An attacker with the public featurizer, who looks at all that was released under one label at once."""

    nearest: NearestLinker

    def link(self, release: SharedBatch, gallery: Tensor) -> Tensor | NotApplicable:
        """A release of N images and candidates (G,3,H,W) -> the share of each candidate that the label's releases span, (N,G).

        Shares are of a candidate's squared distance from the mean of the label's releases, at most 1. Released images, which have
        features of their own, are compared as by `NearestFeatures`.
        """
        match release:
            case SharedFeatures(features=features, labels=labels):
                candidates = self.nearest.features(gallery)
                check_same_shape(features, candidates)
                by_label = {number: spanned(features[labels == number], candidates) for number in torch.unique(labels).tolist()}
                return torch.stack([by_label[number] for number in labels.tolist()])
            case SharedImages() | ModelUpdate():
                return self.nearest.link(release, gallery)
        assert_never(release)


def spanned(released_NChw: Tensor, candidates_GChw: Tensor) -> Tensor:
    """What was released and candidates -> the share of each candidate's squared distance from the former's mean that they span (G,)."""
    released_NV, candidates_GV = released_NChw.flatten(1).double(), candidates_GChw.flatten(1).double()
    mean_V = released_NV.mean(0)
    from_mean_NV, from_mean_GV = released_NV - mean_V, candidates_GV - mean_V
    tiny = torch.finfo(torch.float64).tiny
    whole_G = from_mean_GV.square().sum(1).clamp_min(tiny)
    releases, values = from_mean_NV.shape
    # the smaller of the two matrices of products has all the widths that are not 0
    products = from_mean_NV @ from_mean_NV.T if releases <= values else from_mean_NV.T @ from_mean_NV
    widths, turned = torch.linalg.eigh(products)
    wide = widths > LEAST_SHARE * widths[-1].clamp_min(tiny)
    along = from_mean_GV @ from_mean_NV.T @ turned[:, wide] / widths[wide].sqrt() if releases <= values else from_mean_GV @ turned[:, wide]
    spanned_G: Tensor = along.square().sum(1)
    return spanned_G / whole_G
