"""A reconstruction loss that cares for outlines: images and guesses (B,3,H,W) -> a scalar."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from dpm_flower.metrics.edge import derivatives
from dpm_flower.training.losses import reconstruction_loss

ReconstructionLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # images and guesses (B,3,H,W) -> a scalar

USUAL_BETA = 5.0  # of outlines. Source: SPEC.md, section 3
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue. Source: ITU-R BT.601


def edge_aware_loss(beta: float = USUAL_BETA) -> ReconstructionLoss:
    """The weight of outlines -> the loss L1(x, g) + beta L1(Sobel(luma x), Sobel(luma g)). Source: SPEC.md, section 3.

    Sobel's derivatives across and down are compared each, with their signs, in units in which a step from 0 to 1 has 1.
    """

    def loss(images_B3HW: Tensor, guesses_B3HW: Tensor) -> Tensor:
        of_image, of_guess = (derivatives(luma(pixels)) for pixels in (images_B3HW, guesses_B3HW))
        outlines = sum(functional.l1_loss(guess, image) for image, guess in zip(of_image, of_guess, strict=True)) / 2
        return reconstruction_loss(images_B3HW, guesses_B3HW) + beta * outlines

    return loss


def luma(images_B3HW: Tensor) -> Tensor:
    """Images (B,3,H,W) -> their brightness (B,1,H,W)."""
    return (images_B3HW * images_B3HW.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
