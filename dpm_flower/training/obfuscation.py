"""Training an obfuscator in turns against a reconstructor and a classifier of private attributes that both adapt to it."""

import itertools
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.split_net import SplitNet
from dpm_flower.metrics.multi_scale_ssim import multi_scale_ssim
from dpm_flower.training.adversaries import Adversaries, AdversaryPool
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import Equivalence, equivalence_loss, reconstruction_loss
from dpm_flower.training.poisoning import Victims, equivalence_target
from dpm_flower.training.privacy import PrivacyTerm

ONE_ADVERSARY = Adversaries(count=1, steps=4, restart=0, learning_rate=1e-4)
ADAM = Fitting(steps=4000, learning_rate=1e-4, weight_decay=0.0)  # the published rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Obfuscation:
    """The published cycle: the obfuscator steps once by each of its losses, then its adversaries learn, then the utility classifier.

    The losses in turn: utility; utility - `unlike` x (1 - MS-SSIM(R(E(x)), x)); utility + `noise` x (1 - MS-SSIM(R(E(x)), noise)), noise
    being one picture for all; and with `privacy`, utility - its weight x the cross-entropy of private attributes. A weight of 0 leaves
    its loss out. R are the `adversary` reconstructors; `fitting` counts the obfuscator's own steps. Adam's rate is published, weights and
    numbers of steps are not. Raises SettingError for knobs that cannot work. Source: DeepObfuscator, arXiv 1909.04126, algorithm 1.
    """

    unlike: float = 1.0
    noise: float = 1.0
    privacy: PrivacyTerm | None = None
    adversary: Adversaries = ONE_ADVERSARY
    fitting: Fitting = ADAM

    def __post_init__(self) -> None:
        if not (self.unlike >= 0 and self.noise >= 0):
            raise SettingError(f"weights must be >= 0, got unlike={self.unlike} and noise={self.noise}")
        self.fitting.check_no_patience("an obfuscator is trained")


USUAL = Obfuscation()


class Utility(Protocol):
    """What obfuscated features must still be good for."""

    def loss(self, features_BChw: Tensor, indices_B: Tensor) -> Tensor:
        """Obfuscated features of the images at `indices`, with a way back -> how little they are good for, a scalar."""
        ...

    def learn(self, features_BChw: Tensor, indices_B: Tensor) -> None:
        """The same -> whoever uses them has learnt from them; nothing, if it never learns."""
        ...


class DeciderUtility:
    """The frozen public decider is to answer as on raw features."""

    def __init__(self, net: SplitNet, victims: Victims, equivalence: Equivalence, compute: Compute) -> None:
        self._decider, self._equivalence, self._compute = net.decider, equivalence, compute
        self._target, self._scale = equivalence_target(net, victims, equivalence, compute)

    def loss(self, features_BChw: Tensor, indices_B: Tensor) -> Tensor:
        """Obfuscated features of the images at `indices` -> how far the decider's answer lies from what it should be."""
        with self._compute.autocast():
            activations = self._decider.activations(features_BChw)
            logits = self._decider.logits(activations)
        wanted = self._target[indices_B].to(self._compute.device)
        return equivalence_loss(self._equivalence, activations.float(), logits.float(), wanted, self._scale)

    def learn(self, features_BChw: Tensor, indices_B: Tensor) -> None:
        """It is frozen."""


def train_obfuscation(
    obfuscator: nn.Module,
    utility: Utility,
    images: Tensor,
    shape: tuple[int, int, int],
    settings: Obfuscation,
    *,
    compute: Compute,
    rng: torch.Generator,
    attributes: Tensor | None = None,
    report: Report = silent,
) -> Fitted:
    """Trains `obfuscator`, images (N,3,H,W) -> features of `shape`, so that they serve `utility` and hide the images.

    `attributes` (N,A) are the private ones. Adversaries begin untrained. Raises SettingError for a privacy term without attributes.
    """
    compute.place_module(obfuscator)
    noise_1CHW = compute.place(torch.rand(1, *images.shape[1:], generator=rng))
    pool = AdversaryPool(settings.adversary, shape, images.shape[-1], compute, child_stream(rng), loss=recovery_loss)
    privacy = settings.privacy
    reader = privacy.reader(attributes, shape[0], compute, child_stream(rng)) if privacy is not None else None

    def hiding(features: Tensor, batch: Tensor, indices: Tensor, turn: str) -> Tensor:
        """What a turn asks for beside the utility."""
        if privacy is not None and reader is not None and turn == "privacy":
            return -privacy.weight * reader.loss(features, indices)
        with compute.autocast():
            guesses = pool.guesses(features)
        aim, weight = (batch, -settings.unlike) if turn == "unlike" else (noise_1CHW.expand_as(batch), settings.noise)
        return weight * torch.stack([1 - multi_scale_ssim(aim, one.float()).mean() for one in guesses]).mean()

    weights = {"unlike": settings.unlike, "noise": settings.noise, "privacy": privacy.weight if privacy is not None else 0.0}
    turns = itertools.cycle(["utility", *(turn for turn, weight in weights.items() if weight)])

    def loss_at(indices: Tensor) -> Tensor:
        batch, turn = compute.place(images[indices]), next(turns)
        with compute.autocast():
            features = obfuscator(batch)
        features = features.float()
        if turn == "utility":  # a new cycle: all others learn what the last one came to
            pool.adapt(features, batch)
            if reader is not None:
                reader.learn(features, indices)
            utility.learn(features, indices)
            return utility.loss(features, indices)
        return utility.loss(features, indices) + hiding(features, batch, indices, turn)

    return fit([obfuscator], loss_at, len(images), settings.fitting, rng=rng, work="obfuscator", report=report)


def recovery_loss(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) -> what the adversary learns by: 1 - MS-SSIM, and the absolute error, which has a slope everywhere."""
    return 1 - multi_scale_ssim(images_BCHW, guesses_BCHW).mean() + reconstruction_loss(images_BCHW, guesses_BCHW)
