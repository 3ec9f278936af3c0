"""The first convolution of a network that wants standardised pixels: images (B,3,H,W) in [0,1] -> (B,C,h,w)."""

import torch
from torch import Tensor, nn

# ImageNet's mean and standard deviation per channel (red, green, blue), which torchvision's published weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class StandardisedConv2d(nn.Conv2d):
    """Images (B,3,H,W) in [0,1] -> a convolution of the standardised images, (B,C,h,w).

    Standardising belongs to the network, so that all its callers hand it plain images; and into the first convolution rather
    than before it, so that modules and weights keep torchvision's names. Padding is zero after standardising, the mean colour,
    as in torchvision. Mean and deviation are constants and no part of the state.
    """

    mean_131: Tensor
    deviation_131: Tensor

    def __init__(self, like: nn.Conv2d, side: int, stride: int) -> None:
        """Untrained, with as many output channels as `like` and with or without a bias as it; `side` of the kernel in pixels."""
        super().__init__(3, like.out_channels, side, stride, padding=side // 2, bias=like.bias is not None)
        self.register_buffer("mean_131", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation_131", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Images (B,3,H,W) in [0,1] -> features (B,C,h,w)."""
        return super().forward((images_B3HW - self.mean_131) / self.deviation_131)


def standardised(convolution: nn.Conv2d) -> StandardisedConv2d:
    """A network's first convolution -> one with the same kernel and the same parameters that standardises its images itself."""
    first = StandardisedConv2d(convolution, convolution.kernel_size[0], convolution.stride[0])
    first.weight, first.bias = convolution.weight, convolution.bias
    return first
