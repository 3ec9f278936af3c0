"""Training an autoencoder in the cut: what the decider reads stays, what takes bits goes, and what a reconstructor reads is made bad."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.split_net import SplitNet
from dpm_flower.nets.feature_autoencoder import FeatureAutoencoder
from dpm_flower.training.adversaries import Adversaries, AdversaryPool
from dpm_flower.training.compressibility import compressibility, standardised
from dpm_flower.training.edge_loss import USUAL_BETA, edge_aware_loss
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import EQUIVALENCES, Equivalence, equivalence_loss
from dpm_flower.training.poisoning import Victims, equivalence_target

ONE = Adversaries(count=1, restart=0)  # the source's


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingLoss:
    """What an autoencoder is trained on: `equivalence` + `compress` x compressibility - `disturb` x the reconstructor's loss.

    `compress` and `disturb` are the source's w_c and w_r; without `disturb` no reconstructor is trained beside it. `beta` is what
    outlines weigh in that one's loss. The reconstructors read the bottleneck, and adapt to it: one, which never begins anew, is the
    source's. Raises SettingError for knobs that cannot work. Source: SPEC.md, section 3.
    """

    equivalence: Equivalence = "activations"
    compress: float = 0.1
    disturb: float = 0.5
    beta: float = USUAL_BETA
    reconstructors: Adversaries = ONE

    def __post_init__(self) -> None:
        if self.equivalence not in EQUIVALENCES:
            raise SettingError(f"equivalence must be one of {', '.join(EQUIVALENCES)}, got {self.equivalence!r}")
        for name in ("compress", "disturb", "beta"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise SettingError(f"{name} must be >= 0 and finite, got {getattr(self, name)}")


USUAL_LOSS = CodingLoss()


def train_feature_coding(
    autoencoder: FeatureAutoencoder,
    net: SplitNet,
    victims: Victims,
    loss: CodingLoss,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
) -> Fitted:
    """Trains `autoencoder` between the frozen featurizer and the frozen decider on a coding loss. Source: SPEC.md, section 3."""
    compute.place_module(autoencoder)
    target, scale = equivalence_target(net, victims, loss.equivalence, compute)
    bad = edge_aware_loss(loss.beta)
    pool = None
    if loss.disturb:
        shape = (autoencoder.bottleneck, *net.spec.shape[1:])
        pool = AdversaryPool(loss.reconstructors, shape, victims.images.shape[-1], compute, child_stream(rng), bad)

    def loss_at(indices: Tensor) -> Tensor:
        with compute.autocast():
            narrow = autoencoder.encode(compute.place(victims.features[indices]))
            activations = net.decider.activations(autoencoder.decode(narrow))
            logits = net.decider.logits(activations)
        equal = equivalence_loss(loss.equivalence, activations.float(), logits.float(), target[indices].to(compute.device), scale)
        total = equal + loss.compress * compressibility(standardised(narrow.float()))
        if pool is None:
            return total
        images = compute.place(victims.images[indices])
        pool.adapt(narrow, images)
        with compute.autocast():
            guesses = pool.guesses(narrow)
        return total - loss.disturb * torch.stack([bad(images, guess.float()) for guess in guesses]).mean()

    return fit([autoencoder], loss_at, len(victims.images), fitting, rng=rng, work="autoencoder", report=report)
