"""What sharing methods with a private network between featurizer and decider have in common: how features leave through it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import FeatureSource
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True, eq=False)
class NetworkSharer:
    """Holds the secret: the trained network, and in `features` the noise, if any. `figures` are what that came to."""

    features: FeatureSource
    module: nn.Module
    compute: Compute
    figures: Mapping[str, float] = field(default_factory=dict)

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> what the network makes of their features (B,C,h,w), with the same labels."""
        return SharedFeatures(apply(self.module, self.features(images), self.compute), labels)
