"""Sharing features in fewer dimensions: what the public images' principal components span leaves, what they do not is lost."""

from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import FeatureSource, Preparation
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.training.principal_components import PrincipalComponents


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedFeatures:
    """Features are projected onto the first `dimensions` principal components of the public images' features, and back (PCA).

    The basis is public: everybody computes the same, and a receiver reads `dimensions` numbers out of the map that it is given.
    """

    dimensions: int
    name: str = "projected-features"

    def __post_init__(self) -> None:
        if self.dimensions < 1:
            raise SettingError(f"dimensions must be at least 1, got {self.dimensions}")

    def prepare(self, preparation: Preparation) -> "ProjectedFeaturesSharer":
        """Finds the components of the public images. Raises SettingError where those span fewer dimensions."""
        components = PrincipalComponents.of(preparation.features(preparation.public.images), self.dimensions)
        return ProjectedFeaturesSharer(preparation.features, components)


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedFeaturesSharer:
    """Images (B,3,H,W) -> their features as far as the components span them. Holds no secret."""

    features: FeatureSource
    components: PrincipalComponents

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> projected features (B,C,h,w) with the same labels."""
        return SharedFeatures(self.components.projected(self.features(images)), labels)
