"""Networks applied to many images, in batches, without gradients."""

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute

BATCH = 256  # images; larger batches gain nothing on a CPU and cost memory


@torch.no_grad()
def apply(module: nn.Module, inputs: Tensor, compute: Compute) -> Tensor:
    """Inputs (N,...) -> the module's outputs (N,...), float32 on the CPU, in evaluation mode (the mode is put back)."""
    was_training = module.training
    module.eval()
    with compute.autocast():
        outputs = [module(compute.place(batch)).float().cpu() for batch in torch.split(inputs, BATCH)]
    module.train(was_training)
    return torch.cat(outputs).contiguous()


def top1(module: nn.Module, inputs: Tensor, labels: Tensor, compute: Compute) -> tuple[float, Tensor]:
    """Inputs (N,...) and labels (N,) -> share answered rightly, and which (N,) bool."""
    correct = apply(module, inputs, compute).argmax(dim=1) == labels
    return float(correct.float().mean()), correct
