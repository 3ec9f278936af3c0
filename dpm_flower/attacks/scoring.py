"""How near an attacker's guesses come to the truth, which only the scorer sees."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.pixel_error import sign_aware_l1, sign_aware_psnr
from dpm_flower.metrics.similarity import similarity

Of = Literal["z", "p"]  # guesses from raw features, from what was released
HIGHEST_PSNR = 100.0  # dB: identical images have an infinite one, a single pixel of 8 bits in a thousand that differs has 78
BEST_GUESSED = 0.95  # of the images are disclosed less than this quantile says


@dataclass(frozen=True, slots=True, eq=False)
class Disclosure:
    """Five scores of an attacker's guesses, each (N,) over the victims' images; all for picture or negative, whichever is nearer."""

    ssim: Tensor  # [-1,1], sign taken once for the image
    windowed_ssim: Tensor  # [-1,1], sign taken window by window
    structure: Tensor  # [0,1], whatever brightness and contrast
    l1: Tensor  # [0,0.5]
    psnr: Tensor  # dB, at most HIGHEST_PSNR

    def figures(self, of: Of) -> dict[str, float]:
        """Means over the images by "ssim_p" and so on; the 95th percentiles of both SSIM and of the structure by "ssim_p_p95"."""
        quantiles = {"ssim": self.ssim, "windowed_ssim": self.windowed_ssim, "structure": self.structure}
        means = quantiles | {"l1": self.l1, "psnr": self.psnr}
        return {f"{name}_{of}": float(scores.mean()) for name, scores in means.items()} | {
            f"{name}_{of}_p95": float(scores.quantile(BEST_GUESSED)) for name, scores in quantiles.items()
        }


def disclosure(truth_NCHW: Tensor, guess: Guess) -> Disclosure:
    """True images (N,C,H,W), floats in [0,1], and guesses in the same order -> how near each guess comes.

    Raises ShapeError unless there is one guess of the same shape for each image, MetricError for values that are no images.
    """
    alike = similarity(truth_NCHW, guess.images)
    return Disclosure(
        alike.sign_aware_ssim,
        alike.windowed_ssim,
        alike.structure,
        sign_aware_l1(truth_NCHW, guess.images),
        sign_aware_psnr(truth_NCHW, guess.images).clamp_max(HIGHEST_PSNR),
    )
