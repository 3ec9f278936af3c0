"""A Faster R-CNN that two CPU cores can train: a thin ResNet's last map, anchors for small images, a narrow head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.thin_resnet import WIDTHS, ThinResNet

STRIDE = 4  # of a thin ResNet's last map
POOLED = 5  # cells to a box's side
HEAD_WIDTH = 128
ANCHOR_SIDES = (10.0, 18.0, 30.0, 48.0)  # pixels: cells in a blood smear of 160 pixels have sides from 9 to 50
RATIOS = (0.75, 1.0, 1.33)


class ThinBody(nn.Module):
    """A thin ResNet up to its last map: images (B,3,H,W) -> (B,64,H/4,W/4), under the modules' own names."""

    def __init__(self, network: ThinResNet) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = network.conv1, network.bn1, network.relu
        self.conv2, self.conv3, self.conv4 = network.conv2, network.conv3, network.conv4
        self.out_channels = WIDTHS[-1]  # what torchvision's detectors ask a backbone for

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Images -> the map."""
        features: Tensor = self.conv4(self.conv3(self.conv2(self.relu(self.bn1(self.conv1(images_B3HW))))))
        return features


def small_faster_rcnn(
    depth: int, classes: int, size: tuple[int, int], rng: torch.Generator, anchor_sides: Sequence[float] = ANCHOR_SIDES
) -> FasterRCNN:
    """A thin ResNet's depth, the number of classes of things (without the background), and height and width -> an untrained detector.

    Batch norm learns its statistics from scratch, as the backbone does. Raises SettingError for a size that its map does not divide,
    and for no classes.
    """
    if classes < 1 or any(length % STRIDE or length < 8 * STRIDE for length in size):
        raise SettingError(f"wanted at least one class and sides that {STRIDE} divides, from {8 * STRIDE} pixels, got {classes} and {size}")
    with global_generator_from(rng):
        return FasterRCNN(
            ThinBody(ThinResNet(depth, classes)),
            min_size=min(size),
            max_size=max(size),
            size_divisible=STRIDE,
            rpn_anchor_generator=AnchorGenerator((tuple(anchor_sides),), (RATIOS,)),
            box_roi_pool=MultiScaleRoIAlign(["0"], POOLED, 2),
            box_head=TwoMLPHead(WIDTHS[-1] * POOLED**2, HEAD_WIDTH),
            box_predictor=FastRCNNPredictor(HEAD_WIDTH, classes + 1),
            rpn_pre_nms_top_n_train=500,
            rpn_post_nms_top_n_train=200,
            rpn_pre_nms_top_n_test=300,
            rpn_post_nms_top_n_test=150,
            box_batch_size_per_image=64,
            box_detections_per_img=100,
        )
