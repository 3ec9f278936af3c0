"""Sharing features that belong to no image: draws from a normal distribution around neighbours of one class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.training.perturbation import GaussianNoise, Perturber, channel_units
from dpm_flower.training.prediction import apply

AT_ONCE = 1024  # images whose distances to all others, or draws whose parts of all images, are held in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFeatures:
    """Releases for each of the entity's images features of the same label, which were no image's.

    For each, an own image of the class is chosen by lot, and with it the `neighbours` that the decider reads most alike (itself among
    them, all of the class where there are fewer); what leaves is drawn from the normal distribution that has these neighbours' mean and
    covariance, and set to 0 below 0 where features are not negative. So what is read out of one draw is a blend of that many images, in
    random parts of which most are small, and no draw can be paired with an image. In a blend of few, single images are read: nothing is
    released of a class with fewer than `least` images. Copies count as images: of several of one person take one, or more neighbours.

    As many draws as there were images nearly span those images, whatever the parts: who has candidates finds out who was in (see
    `SpannedRelease`); `noise`, on every draw, makes that harder. Who separates blends into images, blindly, is not among our attackers.
    No bound is proved: how much of single images a release gives away is for its audit to say. What 16, 64 and 256 neighbours come to,
    `simulations.frontier:DRAWN` measures.

    Sources: normal distributions of features by class, for calibrating a classifier, are those of "No Fear of Heterogeneity" (arXiv
    2106.05001); images hidden among their nearest ones, k-Same de-identification (Newton, Sweeney and Malin 2005). Raises SettingError
    for knobs that cannot work.
    """

    neighbours: int = 64
    least: int = 16
    noise: GaussianNoise | None = None
    name: str = "drawn-features"

    def __post_init__(self) -> None:
        if not 2 <= self.least <= self.neighbours:
            raise SettingError(f"wanted 2 <= least <= neighbours, got least {self.least} and neighbours {self.neighbours}")

    @property
    def unpaired(self) -> Literal[True]:
        """No draw was made of one image."""
        return True

    @property
    def reads_labels_only(self) -> Literal[True]:
        """What is drawn is drawn for a label."""
        return True

    def prepare(self, preparation: Preparation) -> "DrawnFeaturesSharer":
        """Finds each own image's neighbours. Raises ReleaseError where no class has `least` images."""
        private, spec = preparation.private, preparation.net.spec
        features = preparation.features(private.images)
        read = apply(preparation.net.decider.trunk, features, preparation.compute).float().flatten(1)
        places = {number: (private.labels == number).nonzero().flatten() for number in torch.unique(private.labels).tolist()}
        neighbourhoods = {
            number: Neighbourhoods(features[at].flatten(1), nearest(read[at], self.neighbours))
            for number, at in places.items()
            if len(at) >= self.least
        }
        if not neighbourhoods:
            most = max((len(at) for at in places.values()), default=0)
            raise ReleaseError(f"wanted at least {self.least} images of a class to draw from, got no more than {most} of any")
        noise = Perturber(self.noise, channel_units(features)) if self.noise is not None else None
        return DrawnFeaturesSharer(neighbourhoods, spec, noise, preparation.rng)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhoods:
    """The own images of one class: their features (n,V), and which of them are each one's neighbours (n,k)."""

    features: Tensor
    neighbours: Tensor

    def drawn(self, draws: int, rng: torch.Generator) -> Tensor:
        """How many -> draws around images that are chosen by lot (draws,V)."""
        pieces = torch.split(torch.arange(draws), AT_ONCE)
        return torch.cat([drawn_weights(self.neighbours, len(piece), rng) @ self.features for piece in pieces])


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFeaturesSharer:
    """Holds the secret: the own images of each class that is drawn from, and in `rng` where draws come from."""

    neighbourhoods: Mapping[int, Neighbourhoods]
    spec: FeatureSpec
    noise: Perturber | None
    rng: torch.Generator

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:  # noqa: ARG002  # of an image only its label is looked at
        """Images (B,3,H,W) with labels (B,) -> draws (b,C,h,w) with their labels, for every image whose class is drawn from."""
        drawn = torch.isin(labels, torch.tensor(list(self.neighbourhoods)))
        kept = labels[drawn]
        features = torch.empty(len(kept), *self.spec.shape)
        for number in torch.unique(kept).tolist():
            wanted = kept == number
            features[wanted] = self.neighbourhoods[number].drawn(int(wanted.sum()), child_stream(self.rng)).view(-1, *self.spec.shape)
        if self.noise is not None:
            features = torch.cat([self.noise(one, child_stream(self.rng)) for one in torch.split(features, 1)])
        return SharedFeatures(features.clamp_(min=0.0) if self.spec.non_negative else features, kept)


def nearest(points_nD: Tensor, count: int) -> Tensor:
    """Points (n,D) -> for each the `count` that lie nearest, itself among them, or all where there are fewer, (n,k)."""
    count = min(count, len(points_nD))
    return torch.cat([torch.cdist(piece, points_nD).topk(count, largest=False).indices for piece in torch.split(points_nD, AT_ONCE)])


def drawn_weights(neighbours_nk: Tensor, draws: int, rng: torch.Generator) -> Tensor:
    """Which of n images are each one's k neighbours (n,k) -> by which parts of the n images each draw is made (draws,n); rows sum to 1.

    Around a mean of equal parts 1/k they are random, so that draws around one image have its neighbours' mean, and their sample
    covariance.
    """
    images, k = neighbours_nk.shape
    around = torch.randint(images, (draws,), generator=rng)
    noise = torch.randn(draws, k, generator=rng)
    parts = 1.0 / k + (noise - noise.mean(1, keepdim=True)) / (k - 1) ** 0.5
    return torch.zeros(draws, images).scatter_(1, neighbours_nk[around], parts)
