"""A small network whose gradients tell much, images of 16 pixels, and the updates that training on them makes."""

import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import AttackerView
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.split import split
from dpm_flower.nets.thin_resnet import ThinResNet
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier
from tests.training.toys import CPU, public_nets

UPDATING_SIDE, UPDATING_CLASSES = 16, 3


def clouds(count, seed=0):
    """Images of three classes that are mostly their own: clouds over the pattern of a class."""
    rng = torch.Generator().manual_seed(seed)
    labels, ramp = torch.arange(count) % UPDATING_CLASSES, torch.linspace(0, 1, UPDATING_SIDE)
    across = ramp.expand(UPDATING_SIDE, UPDATING_SIDE)
    patterns = torch.stack([across, across.T, (ramp.outer(ramp) * 6).sin().abs()])
    coarse = torch.rand(count, 3, 4, 4, generator=rng)
    own = functional.interpolate(coarse, size=(UPDATING_SIDE, UPDATING_SIDE), mode="bilinear")
    return Labelled((0.25 * patterns[labels].unsqueeze(1) + 0.75 * own).clamp(0, 1), labels, UPDATING_CLASSES)


def updated_nets(activation):
    """Frozen networks without batch norm. Sigmoids have a slope everywhere, which inversion needs; by ReLUs, gradients of images differ."""
    nets = public_nets()
    with global_generator_from(stream(0, "updated")):
        nets.featurizer = nn.Sequential(nn.Conv2d(3, 12, 5, 2, 2), activation())
        trunk = nn.Sequential(nn.Conv2d(12, 12, 5, 2, 2), activation(), nn.Flatten())
        nets.decider = Decider(trunk, nn.Linear(12 * 16, UPDATING_CLASSES))
    return nets.frozen()


def normed_nets(steps=0):
    """Frozen networks with batch norms, the residual ones of our studies, less deep, after some steps of training on own images."""
    nets = public_nets()
    with global_generator_from(stream(0, "normed")):
        network = ThinResNet(8, UPDATING_CLASSES)
    if steps:
        fitting = Fitting(steps=steps, learning_rate=1e-2, batch_size=16)
        train_classifier(network, Examples(OWN.images, OWN.labels), fitting, compute=CPU, rng=stream(0, "settled"), work="settled")
    nets.featurizer, nets.decider, _ = split(network, "conv3_1", UPDATING_SIDE)
    return nets.frozen()


OWN = clouds(30, seed=5)
NETS = updated_nets(nn.Sigmoid)
NORMED = normed_nets()
SHARP = updated_nets(nn.ReLU)


def network_of(nets=NETS):
    """A trainable copy of the whole network."""
    both = OrderedDict(featurizer=copy.deepcopy(nets.featurizer), decider=copy.deepcopy(nets.decider))
    return nn.Sequential(both).requires_grad_(True)


def trained(images, steps, learning_rate=2e-3, nets=NETS):
    """The update of the whole network after local steps on these images, as an entity makes it."""
    network = network_of(nets)
    fitting = Fitting(steps=steps, learning_rate=learning_rate)
    examples = Examples(images.images, images.labels)
    train_classifier(network, examples, fitting, compute=CPU, rng=stream(0, "local"), work="local")
    return ModelUpdate(network.state_dict(), len(images))


def noise_update(samples, nets=NETS):
    """An update that went anywhere."""
    rng = torch.Generator().manual_seed(7)
    state = network_of(nets).state_dict()
    return ModelUpdate({name: tensor + 0.01 * torch.randn(tensor.shape, generator=rng) for name, tensor in state.items()}, samples)


def seen(folder, nets=NETS, **changes):
    """What a peer knows who sees an update."""

    def features(images):
        return apply(nets.featurizer, images, CPU)

    known = {"net": nets, "public": OWN, "features": features, "recipe": None, "folder": folder, "compute": CPU, "report": silent}
    return AttackerView(**(known | {"own": OWN} | changes))
