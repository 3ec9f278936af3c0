"""A transformer that turns encrypted images back: released images (B,3,H,W) -> guesses (B,3,H,W) in [0,1]."""

import torch
from torch import Tensor, nn

from dpm_flower.core.errors import ShapeError
from dpm_flower.nets.patches import columns_of, cut, pasted
from dpm_flower.nets.pevit import EMBEDDING_DEVIATION, LearnedPositions, VitSize, encoder_block, size_of


class Decryptor(nn.Module):
    """A set of patches -> the image: where each patch belongs, and what has to be drawn over it.

    Tokens of the released patches meet in torchvision's blocks. Where the patches' order was not kept (`ordered` False) no token
    knows its place, and every place of the image chooses among the patches, by attention; where it was kept a patch stays where it
    is. What is drawn, at first nothing, is added. Weights are drawn from torch's global generator. Raises SettingError for an unknown
    size and for patches that do not fill the image, ShapeError for images of another shape.
    """

    def __init__(self, side: int, patch: int, *, ordered: bool, size: VitSize | str = "tiny") -> None:
        super().__init__()
        chosen = size_of(size)
        pixels, places = 3 * patch * patch, columns_of(side, patch) ** 2
        self.side, self.patch, self.ordered = side, patch, ordered
        self.embedding = nn.Linear(pixels, chosen.width)
        self.positions: nn.Module = LearnedPositions(places, chosen.width) if ordered else nn.Identity()
        self.blocks = nn.Sequential(*(encoder_block(chosen) for _ in range(chosen.blocks)), nn.LayerNorm(chosen.width, eps=1e-6))
        self.choosing = None if ordered else nn.Linear(chosen.width, places)  # a score for each place
        self.drawing = nn.Linear(chosen.width, pixels)
        if self.choosing is not None:
            nn.init.normal_(self.choosing.weight, std=EMBEDDING_DEVIATION)
        nn.init.zeros_(self.drawing.weight)
        nn.init.zeros_(self.drawing.bias)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Released images (B,3,side,side) in [0,1] -> guesses (B,3,side,side) in [0,1]."""
        if tuple(images_B3HW.shape[1:]) != (3, self.side, self.side):
            raise ShapeError(f"wanted images (B, 3, {self.side}, {self.side}), got {tuple(images_B3HW.shape)}")
        patches = cut(images_B3HW, self.patch)
        pixels_BND = patches.flatten(2)
        tokens_BNA = self.blocks(self.positions(self.embedding(pixels_BND - 0.5)))
        if self.choosing is not None:
            chosen_BNN = self.choosing(tokens_BNA).transpose(1, 2).softmax(2)  # for each place, the share of each patch
            pixels_BND, tokens_BNA = chosen_BNN @ pixels_BND, chosen_BNN @ tokens_BNA
        guesses = pasted((pixels_BND + self.drawing(tokens_BNA)).view(patches.shape))
        # outside [0,1] there would be no gradient to learn by
        return guesses if self.training else torch.clamp(guesses, 0.0, 1.0)
