"""What features are: where a backbone was cut, and the shape and type of what comes out there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpm_flower.core.codec_name import LARGEST_SIDE, codec_of
from dpm_flower.core.errors import SettingError, ShapeError

if TYPE_CHECKING:  # who only moves releases starts without torch
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """One (C,h,w) feature map per image, made by the featurizer with this digest.

    `non_negative` says that the hook point lies behind a ReLU, so that a DPM must end in one too. `codec` names the image codec by
    which they are released (see core/codec_name.py); empty: as numbers of `dtype`.
    """

    backbone: str
    hook: str
    shape: tuple[int, int, int]  # C, h, w
    featurizer_digest: str  # SHA-256 of the featurizer's weights, hexadecimal
    non_negative: bool
    dtype: str = "float16"  # as released, or of that range and kept so where a codec is; training computes in float32
    codec: str = ""

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise SettingError(f"a feature shape is three positive numbers (C, h, w), got {self.shape}")
        if self.dtype not in ("float16", "float32"):
            raise SettingError(f"features are released as float16 or float32, got {self.dtype}")
        if self.codec and codec_of(self.codec) and max(self.shape[1:]) > LARGEST_SIDE:
            raise SettingError(f"a codec takes channels of at most {LARGEST_SIDE} x {LARGEST_SIDE} values, got shape {self.shape}")

    def check(self, features_BChw: "Tensor") -> None:
        """Raises ShapeError unless the features (B,C,h,w) are of this spec's shape."""
        if tuple(features_BChw.shape[1:]) != self.shape:
            raise ShapeError(f"wanted features of shape (B, {', '.join(map(str, self.shape))}), got {tuple(features_BChw.shape)}")
