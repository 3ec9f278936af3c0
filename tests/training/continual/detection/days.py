"""A small world of days for detectors: untrained networks that say much, and days with a few images each."""

from dataclasses import replace

import torch

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.core.streams import stream
from dpm_flower.training.continual.detection.learner import BoxedBeginning
from tests.training.cells import cells, seen
from tests.training.toys import CPU

FEW = Fitting(steps=2, batch_size=4, learning_rate=1e-3, weight_decay=0.0)
NETS, _, _ = seen()
WARM_UP, DAY, NEXT_DAY, TEST = cells(5, seed=5), cells(6, seed=6), cells(4, seed=7), cells(3, seed=8)


def beginning(owner: str = "learner") -> BoxedBeginning:
    return BoxedBeginning(NETS, stream(0, owner), CPU, silent)


def bare(boxed: Boxed) -> Boxed:
    """The same images, and nothing to be found in them."""
    return replace(boxed, boxes=(torch.zeros(0, 4),) * len(boxed), labels=(torch.zeros(0, dtype=torch.int64),) * len(boxed))


def same(found, others) -> bool:
    """Whether two lists of detections are equal, to the last bit."""
    return all(torch.equal(one[key], other[key]) for one, other in zip(found, others, strict=True) for key in one)


class Refusing:
    """A recipe whose every second module cannot be made."""

    def __init__(self, recipe):
        self.recipe, self.asked = recipe, 0

    def __getattr__(self, name):
        return getattr(self.recipe, name)

    def fresh_module(self, spec, rng):
        self.asked += 1
        if self.asked % 2 == 0:
            raise ReleaseError("not finite")
        return self.recipe.fresh_module(spec, rng)
