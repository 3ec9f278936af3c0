"""Training an encoder in the cut that keeps what a task needs and leaves an auditor, who learns beside it, with what is no secret."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.split_net import SplitNet
from dpm_flower.training.adversaries import Adversaries, AdversaryPool
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import disparity_loss, equivalence_loss
from dpm_flower.training.poisoning import Victims
from dpm_flower.training.privacy import PrivacyTerm

Audit: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # encoded features (B,C,h,w) with a way back, whose indices (B,) -> what is read


@dataclass(frozen=True, slots=True, kw_only=True)
class FairLoss:
    """What an encoder is trained on: `task` x a classifier's loss + `reconstruction` x the features' error + `audit` x what is read.

    The weights are the source's alpha, beta and gamma. The auditor takes `steps` gradient steps for one of the encoder's, at
    `learning_rate`; with an `audit` of 0 there is none. The source subtracts the auditor's loss. Here what the auditor makes of the
    features beyond chance is added, which is least at the same place: the negative loss is least where the auditor is surely wrong, and
    its answer turned round is right (see losses.py). Raises SettingError for knobs that cannot work. Source: Madras et al. 2018, LAFTR
    (arXiv 1802.06309), section 4.
    """

    task: float = 1.0
    reconstruction: float = 0.1
    audit: float = 1.0
    steps: int = 1
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        for name in ("task", "reconstruction", "audit"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise SettingError(f"{name} must be >= 0 and finite, got {getattr(self, name)}")
        Adversaries(steps=self.steps, learning_rate=self.learning_rate)

    def auditor(self, victims: Victims, compute: Compute, rng: torch.Generator) -> Audit | None:
        """Whose images, and where weights come from -> a fresh auditor, which learns from each batch before it says what it reads.

        Of images with attributes it reads those, and has learnt nothing where it knows no more than how frequent they are. Of images
        without, it draws the image, and has learnt nothing where its drawing is nothing like it. None with an `audit` of 0.
        """
        if not self.audit:
            return None
        channels, height, width = victims.features.shape[1:]
        if victims.attributes is not None:
            term = PrivacyTerm(weight=self.audit, steps=self.steps, learning_rate=self.learning_rate)
            reader = term.reader(victims.attributes, channels, compute, rng)

            def attributes_read(encoded_BChw: Tensor, indices_B: Tensor) -> Tensor:
                reader.learn(encoded_BChw, indices_B)
                return reader.uninformed(encoded_BChw)

            return attributes_read
        one = Adversaries(count=1, steps=self.steps, restart=0, learning_rate=self.learning_rate)
        size = (victims.images.shape[-2], victims.images.shape[-1])
        pool = AdversaryPool(one, (channels, height, width), size, compute, rng)

        def image_read(encoded_BChw: Tensor, indices_B: Tensor) -> Tensor:
            images_BCHW = compute.place(victims.images[indices_B])
            pool.adapt(encoded_BChw, images_BCHW)
            with compute.autocast():
                (guesses_BCHW,) = pool.guesses(encoded_BChw)
            return disparity_loss(images_BCHW, guesses_BCHW.float())

        return image_read


USUAL_FAIR = FairLoss()


def train_fair_encoding(
    encoder: nn.Module,
    net: SplitNet,
    victims: Victims,
    loss: FairLoss,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
) -> Fitted:
    """Trains `encoder`, features (B,C,h,w) -> (B,C,h,w), with a classifier that begins as the public decider and an auditor of its own.

    The classifier learns with the encoder, as in the source, and is thrown away. The reconstruction has no network of its own: what is
    encoded is itself held to the raw features, in units of their standard deviation, and so stays in the space of the public decider.
    """
    classifier = copy.deepcopy(net.decider).requires_grad_(True)
    compute.place_module(encoder)
    compute.place_module(classifier)
    scale = max(float(victims.features.std()), 1e-6)  # a featurizer that answers nothing has no scale
    audit = loss.auditor(victims, compute, child_stream(rng))

    def loss_at(indices: Tensor) -> Tensor:
        features = compute.place(victims.features[indices])
        with compute.autocast():
            encoded: Tensor = encoder(features)
            activations = classifier.activations(encoded)
            logits = classifier.logits(activations)
        encoded = encoded.float()
        task = equivalence_loss("labels", activations.float(), logits.float(), victims.labels[indices].to(compute.device))
        total = loss.task * task + loss.reconstruction * ((encoded - features) / scale).square().mean()
        return total if audit is None else total + loss.audit * audit(encoded, indices)

    return fit([encoder, classifier], loss_at, len(victims.images), fitting, rng=rng, work="encoder", report=report)
