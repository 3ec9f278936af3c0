"""What attackers know in these tests: networks that have learnt something, public images, a folder."""

import functools

import torch
from torch import nn
from torch.nn import functional

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import AttackerView
from dpm_flower.core.streams import stream
from dpm_flower.training.prediction import apply
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.supervised import Examples, train_classifier
from tests.training.toys import CPU, SIDE, pictures, public_nets

OWN_SHARE = 0.75  # of an image is its own and not its class's: knowing the label tells little


def scenes(count, seed=0):
    """As `pictures`, of which the class tells nearly all, but more their own: whoever guesses them must have seen them."""
    rng = torch.Generator().manual_seed(seed)
    classes = pictures(count, seed)
    ramp = torch.linspace(0, 1, SIDE)
    patterns = torch.stack([ramp.expand(SIDE, SIDE), ramp.expand(SIDE, SIDE).T, (ramp.outer(ramp) * 6).sin().abs()])
    clouds = functional.interpolate(torch.rand(count, 3, 4, 4, generator=rng), size=(SIDE, SIDE), mode="bilinear")
    images = (1 - OWN_SHARE) * patterns[classes.labels].unsqueeze(1) + OWN_SHARE * clouds
    return Labelled(images.clamp(0, 1), classes.labels, classes.classes)


@functools.cache
def seeing_nets():
    """Public networks that tell the classes of scenes apart, and see them in their features. Shared: not to be written to."""
    nets, learnt = public_nets(), scenes(96, seed=9)
    parts = (nets.featurizer, nets.decider, nets.reconstructor)
    for part in parts:
        part.requires_grad_(True).train()
    fitting = Fitting(steps=120, learning_rate=0.03, batch_size=16)
    whole = nn.Sequential(nets.featurizer, nets.decider)
    train_classifier(whole, Examples(learnt.images, learnt.labels), fitting, compute=CPU, rng=stream(0, "classes"), work="classes")
    nets.frozen()
    nets.reconstructor.requires_grad_(True).train()
    longer = Fitting(steps=250, learning_rate=0.03, batch_size=16, weight_decay=0.0)
    features = apply(nets.featurizer, learnt.images, CPU)
    train_reconstructor(nets.reconstructor, features, learnt.images, longer, compute=CPU, rng=stream(0, "seeing"))
    return nets.frozen()


PUBLIC, VICTIMS = scenes(36), scenes(15, seed=1)
NETS = seeing_nets()


def features(images):
    return apply(NETS.featurizer, images, CPU)


FEATURES = features(VICTIMS.images)


def view(folder, **changes):
    known = {"net": NETS, "public": PUBLIC, "features": features, "recipe": None, "folder": folder, "compute": CPU, "report": silent}
    return AttackerView(**(known | changes))
