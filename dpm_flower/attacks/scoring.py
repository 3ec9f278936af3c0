"""How near an attacker's guesses come to the truth, which only the scorer sees."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.pixel_error import l1, psnr
from dpm_flower.metrics.similarity import sign_aware_ssim, windowed_ssim

Of = Literal["z", "p"]  # guesses from raw features, from what was released
HIGHEST_PSNR = 100.0  # dB: identical images have an infinite one, a single pixel of 8 bits in a thousand that differs has 78
BEST_GUESSED = 0.95  # of the images are disclosed less than this quantile says


@dataclass(frozen=True, slots=True, eq=False)
class Disclosure:
    """Four scores of an attacker's guesses, each (N,) over the victims' images; SSIM for picture or negative, whichever is nearer."""

    ssim: Tensor  # [-1,1], sign taken once for the image
    windowed_ssim: Tensor  # [-1,1], sign taken window by window
    l1: Tensor  # [0,1]
    psnr: Tensor  # dB, at most HIGHEST_PSNR

    def figures(self, of: Of) -> dict[str, float]:
        """Means over the images by "ssim_p", "windowed_ssim_p", "l1_p", "psnr_p"; the 95th percentile of both SSIM by "ssim_p_p95"."""
        means = {"ssim": self.ssim, "windowed_ssim": self.windowed_ssim, "l1": self.l1, "psnr": self.psnr}
        quantiles = {"ssim": self.ssim, "windowed_ssim": self.windowed_ssim}
        return {f"{name}_{of}": float(scores.mean()) for name, scores in means.items()} | {
            f"{name}_{of}_p95": float(scores.quantile(BEST_GUESSED)) for name, scores in quantiles.items()
        }


def disclosure(truth_NCHW: Tensor, guess: Guess) -> Disclosure:
    """True images (N,C,H,W), floats in [0,1], and guesses in the same order -> how near each guess comes.

    Raises ShapeError unless there is one guess of the same shape for each image, MetricError for values that are no images.
    """
    return Disclosure(
        sign_aware_ssim(truth_NCHW, guess.images),
        windowed_ssim(truth_NCHW, guess.images),
        l1(truth_NCHW, guess.images),
        psnr(truth_NCHW, guess.images).clamp_max(HIGHEST_PSNR),
    )
