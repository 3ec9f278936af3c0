"""A vision transformer that need not know where patches lie: images (B,3,H,W) in [0,1] -> logits (B,K)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import EncoderBlock

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.patches import columns_of, cut
from dpm_flower.nets.standardised import DEVIATION, MEAN

Positions: TypeAlias = Literal["learned", "none", "reference"]

EMBEDDING_DEVIATION = 0.02  # of fresh tokens and positions, as ViT and DeiT begin
MLP_RATIO = 4  # hidden units of a block's perceptron for each of its inputs, as in ViT and DeiT


@dataclass(frozen=True, slots=True)
class VitSize:
    """Width of a token, number of blocks, heads of attention."""

    width: int
    blocks: int
    heads: int

    def __post_init__(self) -> None:
        if min(self.width, self.blocks, self.heads) < 1 or self.width % self.heads:
            raise SettingError(f"width, blocks and heads are at least 1, and heads divide the width, got {self}")


# DeiT's three, and one for a few thousand small images on a CPU
SIZES: Mapping[str, VitSize] = MappingProxyType(
    {"mini": VitSize(96, 6, 3), "tiny": VitSize(192, 12, 3), "small": VitSize(384, 12, 6), "base": VitSize(768, 12, 12)}
)


class ReferenceToken(nn.Module):
    """Tokens e (B,N,A) -> e + sigmoid(W2 ReLU(W1 (e - r))) (B,N,A), with one learned reference token r for all places.

    Source: PEViT (arXiv 2306.03679): a position's stand-in that goes with the token, wherever it lies.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reference = nn.Parameter(torch.empty(width).normal_(std=EMBEDDING_DEVIATION))
        self.within = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens_BNA: Tensor) -> Tensor:
        """Tokens (B,N,A) -> tokens (B,N,A)."""
        distance: Tensor = self.out(self.within(tokens_BNA - self.reference).relu())
        return tokens_BNA + distance.sigmoid()


class LearnedPositions(nn.Module):
    """Tokens (B,N,A) -> the same, each with what was learned for its place added (B,N,A)."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.places_NA = nn.Parameter(torch.empty(places, width).normal_(std=EMBEDDING_DEVIATION))

    def forward(self, tokens_BNA: Tensor) -> Tensor:
        """Tokens (B,N,A) -> tokens (B,N,A)."""
        return tokens_BNA + self.places_NA


class VisionTransformer(nn.Module):
    """Images (B,3,side,side) in [0,1], in patches of `patch` pixels -> logits (B,classes).

    `positions` say what a token knows of its place: ``learned``, an embedding for each (the plain ViT); ``none``; or ``reference``, a
    step in which each token meets a learned reference token (PEViT). With the last two the logits are the same for any order of
    the patches. Blocks are torchvision's. Weights are drawn from torch's global generator. Raises SettingError for an unknown
    size or positions and for patches that do not fill the image, ShapeError for images of another shape.
    """

    mean_131: Tensor
    deviation_131: Tensor

    def __init__(self, side: int, patch: int, classes: int, positions: Positions, size: VitSize | str = "tiny") -> None:
        super().__init__()
        chosen = size_of(size)
        places = columns_of(side, patch) ** 2
        if classes < 1:
            raise SettingError(f"a classifier needs at least one class, got {classes}")
        self.side, self.patch = side, patch
        self.register_buffer("mean_131", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation_131", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.embedding = nn.Linear(3 * patch * patch, chosen.width)
        self.placing = _placing(positions, places, chosen.width)
        self.answer = nn.Parameter(torch.zeros(chosen.width))  # the class token
        self.blocks = nn.Sequential(*(encoder_block(chosen) for _ in range(chosen.blocks)))
        self.norm = nn.LayerNorm(chosen.width, eps=1e-6)
        self.head = nn.Linear(chosen.width, classes)
        nn.init.trunc_normal_(self.head.weight, std=EMBEDDING_DEVIATION)
        nn.init.zeros_(self.head.bias)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Images (B,3,side,side) in [0,1] -> logits (B,K)."""
        if tuple(images_BCHW.shape[1:]) != (3, self.side, self.side):
            raise ShapeError(f"wanted images (B, 3, {self.side}, {self.side}), got {tuple(images_BCHW.shape)}")
        patches = cut((images_BCHW - self.mean_131) / self.deviation_131, self.patch)
        tokens = self.placing(self.embedding(patches.flatten(2)))
        answers = self.answer.expand(len(tokens), 1, -1)
        logits: Tensor = self.head(self.norm(self.blocks(torch.cat([answers, tokens], 1))[:, 0]))
        return logits


def encoder_block(size: VitSize) -> nn.Module:
    """One of torchvision's blocks, of that size, without dropout: tokens (B,N,A) -> tokens (B,N,A)."""
    block: nn.Module = EncoderBlock(size.heads, size.width, MLP_RATIO * size.width, dropout=0.0, attention_dropout=0.0)
    return block


def size_of(size: VitSize | str) -> VitSize:
    """A size, or the name of one -> the size. Raises SettingError for an unknown name."""
    if isinstance(size, VitSize):
        return size
    if size not in SIZES:
        raise SettingError(f"a vision transformer's size is one of {', '.join(SIZES)}, or a VitSize, got {size!r}")
    return SIZES[size]


def _placing(positions: Positions, places: int, width: int) -> nn.Module:
    match positions:
        case "learned":
            return LearnedPositions(places, width)
        case "none":
            return nn.Identity()
        case "reference":
            return ReferenceToken(width)
    raise SettingError(f"positions must be one of {', '.join(get_args(Positions))}, got {positions!r}")
