"""Networks and images so small that a training takes milliseconds, and learnable all the same."""

import functools
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.progress import Progress, Report
from dpm_flower.core.split_net import Decider
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.training.prediction import apply
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.supervised import Examples, train_classifier

CPU = Compute(torch.device("cpu"), mixed=False)
CLASSES, SIDE, CHANNELS = 3, 12, 4


def pictures(count: int, seed: int = 0, side: int = SIDE) -> Labelled:
    """`count` images of three classes: each class its own pattern, each image its own clouds over it."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    ramp = torch.linspace(0, 1, side)
    patterns = torch.stack([ramp.expand(side, side), ramp.expand(side, side).T, (ramp.outer(ramp) * 6).sin().abs()])
    clouds = functional.interpolate(torch.rand(count, 3, 4, 4, generator=rng), size=(side, side), mode="bilinear")
    return Labelled((0.6 * patterns[labels].unsqueeze(1) + 0.4 * clouds).clamp(0, 1), labels, CLASSES)


def classifier(seed: int = 0) -> nn.Sequential:
    """Images (B,3,H,W) -> logits (B,3), with batch statistics, which a checkpoint must not forget."""
    with global_generator_from(stream(seed, "classifier")):
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 3)
        )


def public_nets(seed: int = 0) -> PublicNets:
    """Frozen public networks with features (B,4,6,6) of images of 12 pixels."""
    shape = (CHANNELS, SIDE // 2, SIDE // 2)
    with global_generator_from(stream(seed, "public")):
        nets = PublicNets(
            featurizer=nn.Sequential(nn.Conv2d(3, CHANNELS, 3, 2, 1), nn.BatchNorm2d(CHANNELS), nn.ReLU()),
            decider=Decider(
                nn.Sequential(nn.Conv2d(CHANNELS, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()), nn.Linear(24, CLASSES)
            ),
            reconstructor=Reconstructor(shape, SIDE, blocks=1),
            spec=FeatureSpec(backbone="resnet20", hook="conv3_1", shape=shape, featurizer_digest="0" * 64, non_negative=True),
            classes=CLASSES,
        )
    return nets.frozen()


def normed_nets() -> PublicNets:
    """The public networks with a decider that has a batch norm."""
    with global_generator_from(stream(0, "normed")):
        trunk = nn.Sequential(nn.Conv2d(CHANNELS, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        decider = Decider(trunk, nn.Linear(24, CLASSES))
    return replace(public_nets(), decider=decider).frozen()


@functools.cache
def telling_nets() -> PublicNets:
    """Public networks whose reconstructor has learnt something. Shared: not to be written to."""
    nets, public = public_nets(), pictures(48, seed=9)
    features = apply(nets.featurizer, public.images, CPU)
    fitting = Fitting(steps=100, learning_rate=0.05, batch_size=16, weight_decay=0.0)
    nets.reconstructor.requires_grad_(True)
    train_reconstructor(nets.reconstructor, features, public.images, fitting, compute=CPU, rng=stream(0, "telling"))
    return nets.frozen()


@functools.cache
def deciding_nets() -> PublicNets:
    """Public networks whose decider has learnt to tell the classes apart. Shared: not to be written to."""
    nets, data = public_nets(), pictures(48)
    examples = Examples(apply(nets.featurizer, data.images, CPU), data.labels)
    fitting = Fitting(steps=60, batch_size=16, learning_rate=0.03)
    train_classifier(nets.decider.requires_grad_(True), examples, fitting, compute=CPU, rng=stream(0, "d"), work="decider")
    return nets.frozen()


def interrupting(after: int) -> Report:
    """A report that ends a training once more than `after` steps are taken."""

    def report(progress: Progress) -> None:
        if progress.step > after:
            raise InterruptedError

    return report


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of a module's weights and statistics."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two states are the same, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
