"""Networks applied to many images, in batches, without gradients."""

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.nets.tracing import in_mode

BATCH = 256  # images; larger batches gain nothing on a CPU and cost memory


@torch.no_grad()
def apply(module: nn.Module, inputs: Tensor, compute: Compute) -> Tensor:
    """Inputs (N,...) -> the module's outputs (N,...), float32 on the CPU, in evaluation mode (each part's mode is put back)."""
    with in_mode(module, training=False), compute.autocast():
        outputs = [module(compute.place(batch)).float().cpu() for batch in torch.split(inputs, BATCH)]
    return torch.cat(outputs).contiguous()


def top1(module: nn.Module, inputs: Tensor, labels: Tensor, compute: Compute) -> tuple[float, Tensor]:
    """Inputs (N,...) and labels (N,) -> share answered rightly, and which (N,) bool."""
    correct = apply(module, inputs, compute).argmax(dim=1) == labels
    return float(correct.float().mean()), correct
