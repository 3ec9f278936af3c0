"""A small world of days: networks that know two classes, and days on which the third comes."""

import functools
import weakref
from dataclasses import dataclass, field

import torch

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.progress import silent
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.training.continual.learner import Beginning, whole_network
from dpm_flower.training.supervised import Examples, train_classifier
from tests.training.toys import CPU, pictures, public_nets

FEW = Fitting(steps=3, batch_size=8, learning_rate=1e-2, weight_decay=0.0)
SOME = Fitting(steps=40, batch_size=16, learning_rate=2e-2, weight_decay=0.0)
PUBLIC = pictures(12, seed=1)


def only(images: Labelled, *classes: int) -> Labelled:
    """The images of some classes."""
    return images.take(torch.isin(images.labels, torch.tensor(classes)).nonzero().flatten())


@functools.cache
def warm_nets():
    """Public networks that have learnt the first two classes of three. Shared: not to be written to."""
    nets = public_nets()
    whole = whole_network(nets)
    known = only(WARM_UP, 0, 1)
    train_classifier(whole, Examples(known.images, known.labels), SOME, compute=CPU, rng=stream(0, "warm"), work="warm")
    nets.featurizer.load_state_dict(whole[0].state_dict())
    nets.decider.load_state_dict(whole[1].state_dict())
    return nets.frozen()


WARM_UP, TEST = pictures(48, seed=5), pictures(60, seed=6)
DAY, NEXT_DAY = pictures(24, seed=7), pictures(18, seed=8)


def beginning(owner: str = "learner") -> Beginning:
    return Beginning(warm_nets(), PUBLIC, stream(0, owner), CPU, silent)


def top1(learner, images: Labelled) -> float:
    return float((learner.predict(images.images).argmax(1) == images.labels).float().mean())


@dataclass(frozen=True)
class Noting:
    """Shares features plus the number of its preparation, and takes notes of what it was prepared with."""

    notes: list = field(default_factory=list, repr=False, compare=False)
    sharers: list = field(default_factory=list, repr=False, compare=False)
    name: str = "noting"

    def prepare(self, preparation):
        self.notes.append(preparation)
        made = Adding(len(self.notes), preparation.features)
        self.sharers.append(weakref.ref(made))
        return made


class Adding:
    def __init__(self, number, source):
        self.number, self.source = number, source

    def share(self, images, labels):
        return SharedFeatures(self.source(images) + self.number, labels)


@dataclass(frozen=True)
class Refusing:
    """A method that refuses every second time that it is asked."""

    asked: list = field(default_factory=list, repr=False, compare=False)
    name: str = "refusing"

    def prepare(self, preparation):
        self.asked.append(len(preparation.private))
        if len(self.asked) % 2 == 0:
            raise ReleaseError("the generator has memorised")
        return Adding(0, preparation.features)
