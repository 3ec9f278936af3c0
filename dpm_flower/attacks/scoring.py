"""How near an attacker's guesses come to the truth, which only the scorer sees."""

from dataclasses import dataclass, fields
from typing import Literal, Self

from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.edge import edge_similarity
from dpm_flower.metrics.perceptual import perceptual_similarity
from dpm_flower.metrics.pixel_error import sign_aware_l1, sign_aware_psnr
from dpm_flower.metrics.similarity import similarity
from dpm_flower.nets.depths import at_depths
from dpm_flower.nets.tracing import in_mode

Of = Literal["z", "p"]  # guesses from raw features, from what was released
HIGHEST_PSNR = 100.0  # dB: identical images have an infinite one, a single pixel of 8 bits in a thousand that differs has 78
BEST_GUESSED = 0.95  # of the images are disclosed less than this quantile says


@dataclass(frozen=True, slots=True, eq=False)
class Disclosure:
    """Seven scores of an attacker's guesses, each (N,) over the victims' images; all for picture or negative, whichever is nearer."""

    ssim: Tensor  # [-1,1], sign taken once for the image
    windowed_ssim: Tensor  # [-1,1], sign taken window by window
    structure: Tensor  # [0,1], whatever brightness and contrast
    edge: Tensor  # [-1,1], outlines window by window, whatever brightness, contrast and sign
    perceptual: Tensor  # [-1,1], as the public featurizer sees them
    l1: Tensor  # [0,0.5]
    psnr: Tensor  # dB, at most HIGHEST_PSNR

    def only(self, which: Tensor) -> Self:
        """The scores of some of the images, by mask (N,) or by number."""
        return type(self)(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def figures(self, of: Of) -> dict[str, float]:
        """Means over the images by "ssim_p" and so on; the 95th percentiles of all but L1 and PSNR by "ssim_p_p95"."""
        quantiles = {
            "ssim": self.ssim,
            "windowed_ssim": self.windowed_ssim,
            "structure": self.structure,
            "edge": self.edge,
            "perceptual": self.perceptual,
        }
        means = quantiles | {"l1": self.l1, "psnr": self.psnr}
        return {f"{name}_{of}": float(scores.mean()) for name, scores in means.items()} | {
            f"{name}_{of}_p95": float(scores.quantile(BEST_GUESSED)) for name, scores in quantiles.items()
        }


def disclosure(truth_NCHW: Tensor, guess: Guess, featurizer: nn.Module, compute: Compute) -> Disclosure:
    """True images (N,3,H,W), floats in [0,1], guesses in the same order, and the public featurizer -> how near each guess comes.

    `compute` is where the featurizer runs, in float32. Raises ShapeError unless there is one guess of the same shape for each
    image, MetricError for values that are no images.
    """
    alike = similarity(truth_NCHW, guess.images)
    return Disclosure(
        ssim=alike.sign_aware_ssim,
        windowed_ssim=alike.windowed_ssim,
        structure=alike.structure,
        edge=edge_similarity(truth_NCHW, guess.images),
        perceptual=_perceptual(truth_NCHW, guess.images, featurizer, compute),
        l1=sign_aware_l1(truth_NCHW, guess.images),
        psnr=sign_aware_psnr(truth_NCHW, guess.images).clamp_max(HIGHEST_PSNR),
    )


def _perceptual(truth_N3HW: Tensor, guesses_N3HW: Tensor, featurizer: nn.Module, compute: Compute) -> Tensor:
    """As `perceptual_similarity`, in the featurizer's own depths."""
    depths = at_depths(featurizer, *truth_N3HW.shape[-2:])
    with in_mode(depths, training=False), compute.in_float32().autocast():
        return perceptual_similarity(truth_N3HW, guesses_N3HW, lambda images: depths(compute.place(images)))
