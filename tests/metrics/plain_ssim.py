"""SSIM of each window as it stands in the paper, for the picture alone: what the joint computation is compared with."""

from torch import Tensor

from dpm_flower.metrics.ssim_map import CONTRAST, LUMINANCE, moments


def ssim_map(images: Tensor, guesses: Tensor) -> Tensor:
    found = moments(images, guesses)
    squares, product = found.mean_x.square() + found.mean_g.square(), found.mean_x * found.mean_g
    luminance = (2 * product + LUMINANCE) / (squares + LUMINANCE)
    return luminance * (2 * found.covariance + CONTRAST) / (found.variances + CONTRAST)
