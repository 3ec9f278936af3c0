"""A sharer whose releases tell nothing of the images that they are said to be of."""

from dataclasses import dataclass

from dpm_flower.core.shared import SharedFeatures
from dpm_flower.training.prediction import apply
from tests.regime.examples import NETS
from tests.training.toys import CPU


def features(images):
    return apply(NETS.featurizer, images, CPU)


@dataclass(frozen=True)
class Turned:
    """Shares the features of another image of the set: nothing to be found or inferred."""

    by: int

    def share(self, images, labels):
        return SharedFeatures(features(images).roll(self.by, 0), labels)
