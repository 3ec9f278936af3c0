"""VGG for small images: images (B,3,H,W), H and W from 32 pixels -> logits (B,K)."""

import torch
from torch import Tensor, nn
from torchvision.models import vgg

from dpm_flower.nets.residual_blocks import he_initialise
from dpm_flower.nets.standardised import standardised

LAYOUTS = {11: "A", 13: "B", 16: "D", 19: "E"}  # columns of VGG's table 1
CHANNELS = 512  # of the last features
CLASSIFIER_DEVIATION = 0.01  # of an untrained linear layer's weights (torchvision)


class SmallVgg(nn.Module):
    """Images (B,3,H,W) in [0,1] -> logits (B,K): torchvision's features, averaged over all positions, and one linear layer.

    VGG's first convolution is a 3x3 one already; what small images cannot feed are 7x7 positions and two layers 4096 wide.
    `depth` is 11, 13, 16 or 19. Weights are drawn from torch's global generator. Source: Simonyan and Zisserman, arXiv 1409.1556.
    """

    def __init__(self, depth: int, batch_norm: bool, classes: int) -> None:
        super().__init__()
        self.features = vgg.make_layers(vgg.cfgs[LAYOUTS[depth]], batch_norm)
        self.features[0] = standardised(self.features[0])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(CHANNELS, classes)
        he_initialise(self)
        nn.init.normal_(self.classifier.weight, 0.0, CLASSIFIER_DEVIATION)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Images (B,3,H,W) -> logits (B,K)."""
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(images_B3HW)), 1))
        return logits
