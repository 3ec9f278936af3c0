"""The Deep Poisoning Module: features (B,C,h,w) -> poisoned features (B,C,h,w)."""

from torch import Tensor, nn

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.block_kinds import BlockKind, make_block
from dpm_flower.nets.residual_blocks import he_initialise


class DeepPoisoningModule(nn.Module):
    """Features (B,C,h,w) -> poisoned features (B,C,h,w), by residual blocks of the backbone's own kind.

    With `non_negative` every block ends in a ReLU, as the features it stands in for did; without, they end linear, so that
    features of every value pass from block to block. Weights are drawn from torch's global generator: build it inside
    `core.streams.global_generator_from`. Raises SettingError for knobs that cannot work, ShapeError for features of another
    shape. Source: SPEC.md, section 1, step 2.
    """

    def __init__(self, channels: int, blocks: int = 4, kind: BlockKind = "basic", non_negative: bool = True) -> None:
        super().__init__()
        if channels < 1 or blocks < 1:
            raise SettingError(f"a DPM needs at least one channel and one block, got {channels} and {blocks}")
        self.channels = channels
        self.blocks = nn.Sequential(*(make_block(kind, channels, final_relu=non_negative) for _ in range(blocks)))
        he_initialise(self)

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> poisoned features (B,C,h,w). Raises ShapeError for another number of channels."""
        if features_BChw.ndim != 4 or features_BChw.shape[1] != self.channels:
            raise ShapeError(f"wanted features of shape (B, {self.channels}, h, w), got {tuple(features_BChw.shape)}")
        poisoned: Tensor = self.blocks(features_BChw)
        return poisoned
