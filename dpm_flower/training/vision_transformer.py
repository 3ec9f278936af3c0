"""Training a vision transformer as DeiT trains them: batches mixed up or cut together, softened labels. Source: arXiv 2012.12877."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import v2

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.streams import global_generator_from
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.supervised import Examples

# The step sizes are DeiT's for a batch of 512; its 300 epochs are not: a transformer sees ours for a few dozen.
DEIT = Fitting(steps=2000, learning_rate=1e-3, batch_size=128, weight_decay=0.05, schedule="warm-cosine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Softening:
    """What DeiT does to a batch so that a network without convolutions' habits does not learn it by heart.

    Half of the batches (where both are on) are mixed up, by a share from Beta(`mixup`, `mixup`), the others have a rectangle of one
    image pasted into another, of a share from Beta(`cutmix`, `cutmix`); 0 switches either off. `smoothing` is taken off the right
    class's share and dealt out to all. `mirror` turns each image round with probability 1/2. All can be done to encrypted images: a
    mirrored image, encrypted, has the patches of an encrypted one, mirrored. Raises SettingError for knobs that cannot work.
    """

    mixup: float = 0.8
    cutmix: float = 1.0
    smoothing: float = 0.1
    mirror: bool = True

    def __post_init__(self) -> None:
        if not (self.mixup >= 0 and self.cutmix >= 0 and 0 <= self.smoothing < 1):
            raise SettingError(f"wanted mixup and cutmix of at least 0 and smoothing in [0, 1), got {self}")

    def __call__(self, images_BCHW: Tensor, labels_B: Tensor, classes: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images (B,C,H,W), floats, and labels (B,) -> images (B,C,H,W) and each class's share of them (B,K); `rng` draws."""
        if self.mirror:
            turned = torch.rand(len(images_BCHW), 1, 1, 1, generator=rng).to(images_BCHW.device) < 0.5
            images_BCHW = torch.where(turned, images_BCHW.flip(3), images_BCHW)
        ways = [way(alpha=alpha, num_classes=classes) for way, alpha in ((v2.MixUp, self.mixup), (v2.CutMix, self.cutmix)) if alpha > 0]
        if not ways:
            return images_BCHW, functional.one_hot(labels_B, classes).float()
        chosen = ways[int(torch.randint(len(ways), (), generator=rng))]
        with global_generator_from(rng):  # torchvision's transforms take no other
            images, shares = chosen(images_BCHW, labels_B)
        return images, shares


USUAL = Softening()


def train_vision_transformer(
    network: nn.Module,
    examples: Examples,
    classes: int,
    fitting: Fitting = DEIT,
    softening: Softening = USUAL,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains `network`, images (B,3,H,W) -> logits (B,classes), by cross-entropy with softened labels on examples (N,3,H,W), (N,)."""
    compute.place_module(network)

    def loss_at(indices: Tensor) -> Tensor:
        images, labels = compute.place(examples.inputs[indices]), examples.labels[indices].to(compute.device)
        softened, shares = softening(images, labels, classes, rng)
        with compute.autocast():
            logits = network(softened)
        return functional.cross_entropy(logits.float(), shares, label_smoothing=softening.smoothing)

    return fit(
        [network],
        loss_at,
        len(examples.inputs),
        fitting,
        rng=rng,
        work="vision transformer",
        report=report,
        checkpoint=checkpoint,
    )
