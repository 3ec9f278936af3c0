"""A vision transformer that detects: images (B,3,H,W) in [0,1] -> a set of boxes, each with the class of what is in it or of nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import box_convert

from dpm_flower.core.boxed import CORNERS
from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.detector_split import Size, Target
from dpm_flower.nets.patches import cut
from dpm_flower.nets.pevit import EMBEDDING_DEVIATION, VisionTransformer
from dpm_flower.nets.standardised import DEVIATION, MEAN

NOTHING = 0  # the class of a token that found nothing; things count from 1, as in torchvision's detectors
TOKENS = 100  # YOLOS' number, and COCO's limit of detections in an image


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What T tokens say of each image: logits (B,T,1+K), the first of nothing, and boxes (B,T,4) in [0,1].

    A box is its centre (x, y), width and height, as shares of the image's width and height.
    """

    logits: Tensor
    boxes: Tensor


class Yolos(nn.Module):
    """Images (B,3,side,side) in [0,1] -> what each of the detection `tokens` says, of `classes` kinds of things.

    A classifier, trained or not, gives its patches, positions, blocks and norm, which the two share; its own answer and head stay behind.
    Detection tokens pass the blocks beside those of the patches, and two perceptrons read classes and boxes from them. Without
    positions nothing tells where a thing is, so detection wants ``learned`` ones. Weights are drawn from torch's global generator.
    Raises SettingError for less than one class or token, ShapeError for images of another shape.
    Source: YOLOS (arXiv 2106.00666), as in PEViT (arXiv 2306.03679).
    """

    mean_131: Tensor
    deviation_131: Tensor

    def __init__(self, classifier: VisionTransformer, classes: int, tokens: int = TOKENS) -> None:
        super().__init__()
        if min(classes, tokens) < 1:
            raise SettingError(f"wanted at least one class and one token, got {classes} and {tokens}")
        self.side, self.patch = classifier.side, classifier.patch
        self.register_buffer("mean_131", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation_131", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.embedding, self.placing = classifier.embedding, classifier.placing
        self.blocks, self.norm = classifier.blocks, classifier.norm
        width = self.embedding.out_features
        self.tokens = nn.Parameter(torch.empty(tokens, width))
        nn.init.trunc_normal_(self.tokens, std=EMBEDDING_DEVIATION)
        self.to_classes, self.to_boxes = _perceptron(width, 1 + classes), _perceptron(width, CORNERS)

    def forward(self, images_BCHW: Tensor) -> Answers:
        """Images -> what the tokens say."""
        if tuple(images_BCHW.shape[1:]) != (3, self.side, self.side):
            raise ShapeError(f"wanted images (B, 3, {self.side}, {self.side}), got {tuple(images_BCHW.shape)}")
        patches = cut((images_BCHW - self.mean_131) / self.deviation_131, self.patch)
        seen = self.placing(self.embedding(patches.flatten(2)))
        asked = self.tokens.expand(len(seen), -1, -1)
        read = self.norm(self.blocks(torch.cat([seen, asked], 1))[:, seen.shape[1] :])
        return Answers(self.to_classes(read), self.to_boxes(read).sigmoid())


def detected(answers: Answers, size: Size) -> list[Target]:
    """What tokens say, and height and width of the images -> detections of each, as torchvision's detectors give them, the surest first.

    A token's class is the likeliest that is not nothing, its score that class's probability: every token is one detection, and
    none is suppressed, since the loss lets no two claim one thing.
    """
    scores_BT, labels_BT = answers.logits.softmax(2)[..., NOTHING + 1 :].max(2)
    height, width = size
    most = answers.boxes.new_tensor([width, height, width, height])
    corners_BT4 = box_convert(answers.boxes, "cxcywh", "xyxy").clamp(0.0, 1.0) * most
    order_BT = scores_BT.sort(dim=1, descending=True, stable=True).indices
    return [
        {"boxes": corners[order], "labels": labels[order] + NOTHING + 1, "scores": scores[order]}
        for corners, labels, scores, order in zip(corners_BT4, labels_BT, scores_BT, order_BT, strict=True)
    ]


def _perceptron(width: int, outputs: int) -> nn.Module:
    """Three layers, as in DETR and YOLOS."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs))
