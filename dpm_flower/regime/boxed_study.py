"""What is done with images of a site's days that have boxes: networks, module, training and who is asked about a release."""

import math
import re
from dataclasses import dataclass, replace

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.continual.detection.learner import DAILY

THIN_RESNET = re.compile(r"resnet([0-9]{1,3})")
POISONING = DeepPoisoning(
    weight=3.0,
    blocks=2,
    kind="basic",
    fitting=Fitting(steps=90, learning_rate=5e-3, batch_size=2, weight_decay=0.0),
    adversaries=Adversaries(count=2, restart=30),
)
INVERSE = Inverse(fitting=Fitting(steps=600, learning_rate=3e-3, batch_size=2, weight_decay=0.0))


USUAL_DAY = 28  # images of a day for which the steps were chosen, which are those of simulations/retention_detection.py


def passes(fitting: Fitting, images: int) -> Fitting:
    """A fitting for a usual day's images, and how many there are -> as many passes over these; for fewer images no fewer steps."""
    return replace(fitting, steps=max(fitting.steps, math.ceil(fitting.steps * images / USUAL_DAY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedStudy:
    """A thin ResNet's detector of this `depth` for images of `size`, height and width, cut at `hook`, and how all is trained.

    Of a day with more than the usual number of images the module, and of more kept images the decider, takes more steps.
    """

    depth: int
    hook: str
    size: tuple[int, int]
    method: DeepPoisoning = POISONING
    pretrain: Fitting = Fitting(steps=300, learning_rate=3e-3, batch_size=4)
    reconstruct: Fitting = Fitting(steps=300, learning_rate=3e-3, batch_size=2, weight_decay=0.0)
    refine: Fitting = DAILY
    inverse: Inverse = INVERSE

    def method_for(self, images: int) -> DeepPoisoning:
        """How many images a module is fitted to -> the method, with steps for so many."""
        return replace(self.method, fitting=passes(self.method.fitting, images))

    def inverse_for(self, images: int) -> Inverse:
        """How many images an attacker learns from -> how it learns, with steps for so many."""
        return replace(self.inverse, fitting=passes(self.inverse.fitting, images))


def boxed_study(place: InboxPlace) -> BoxedStudy:
    """A section of the site file -> its study. Raises SettingError for a backbone that is no thin ResNet."""
    named = THIN_RESNET.fullmatch(place.backbone)
    if named is None:
        raise SettingError(f'a detector stands on a thin ResNet, as "resnet8", got {place.backbone!r}')
    return BoxedStudy(depth=int(named[1]), hook=place.hook, size=place.size)
