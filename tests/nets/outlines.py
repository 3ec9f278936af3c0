"""Networks without weights, for what only their structure tells: a backbone of 140 million weights is there in a moment."""

from contextlib import nullcontext
from functools import cache
from unittest.mock import patch

import torch
from torch import nn

from dpm_flower.core.streams import stream
from dpm_flower.nets import backbones
from dpm_flower.nets.hooks import HookPoint, hook_points
from dpm_flower.nets.tracing import Traced, trace

CLASSES = 4


def outline(name: str, classes: int = CLASSES) -> nn.Module:
    """A backbone's name -> the backbone on torch's meta device, where tensors have shapes and no values."""
    # Nothing is drawn there, and no seed can be drawn from a generator either.
    with patch.object(backbones, "global_generator_from", lambda _: nullcontext()), torch.device("meta"):
        return backbones.build_backbone(name, classes, stream(0))


@cache
def traced_outline(name: str) -> tuple[Traced, tuple[HookPoint, ...]]:
    """A backbone's name -> its graph, and its hook points for images of 32 pixels. Shared: not to be written to."""
    traced = trace(outline(name))
    return traced, hook_points(traced, 32)
