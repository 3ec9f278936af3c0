"""The blocks that DPMs are made of, by name: a kind and a number of channels -> a network (B,C,h,w) -> (B,C,h,w)."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.dense_block import DenseBlock
from dpm_flower.nets.residual_blocks import BasicBlock, BottleneckBlock
from dpm_flower.nets.vgg_block import VggBlock

BlockKind: TypeAlias = Literal["basic", "bottleneck", "wide-bottleneck", "resnext-32x4d", "resnext-32x8d", "resnext-64x4d", "vgg", "dense"]


def _basic(channels: int, final_relu: bool) -> nn.Module:
    return BasicBlock(channels, channels, final_relu=final_relu)


# Widths are those of torchvision: what a bottleneck's 3x3 convolution sees of C channels is C / squeeze.
_MAKERS: Mapping[BlockKind, Callable[[int, bool], nn.Module]] = MappingProxyType(
    {
        "basic": _basic,
        "bottleneck": BottleneckBlock,
        "wide-bottleneck": partial(BottleneckBlock, squeeze=2),
        "resnext-32x4d": partial(BottleneckBlock, squeeze=2, groups=32),
        "resnext-32x8d": partial(BottleneckBlock, squeeze=1, groups=32),
        "resnext-64x4d": partial(BottleneckBlock, squeeze=1, groups=64),
        "vgg": VggBlock,
        "dense": DenseBlock,
    }
)
BLOCK_KINDS: tuple[BlockKind, ...] = tuple(_MAKERS)


def make_block(kind: BlockKind, channels: int, final_relu: bool) -> nn.Module:
    """A kind of block and its channels -> the block, (B,C,h,w) -> (B,C,h,w), with torch's own initialisation.

    With `final_relu` it ends in a ReLU; without, it can answer with negative values. Raises SettingError for an unknown kind.
    """
    if kind not in _MAKERS:
        raise SettingError(f"a DPM's blocks are one of {', '.join(BLOCK_KINDS)}, got {kind!r}")
    return _MAKERS[kind](channels, final_relu)
