"""Networks applied to many images, in batches, without gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.metrics.accuracy import top_k_correct
from dpm_flower.nets.tracing import in_mode

BATCH = 256  # images; larger batches gain nothing on a CPU and cost memory
FEW_CLASSES = 5  # up to here the right class is always among the best five


@torch.no_grad()
def apply(module: nn.Module, inputs: Tensor, compute: Compute) -> Tensor:
    """Inputs (N,...) -> the module's outputs (N,...), float32 on the CPU, in evaluation mode (each part's mode is put back)."""
    with in_mode(module, training=False), compute.autocast():
        outputs = [module(compute.place(batch)).float().cpu() for batch in torch.split(inputs, BATCH)]
    return torch.cat(outputs).contiguous()


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Which of N inputs were answered rightly (N,) bool, and the shares in [0,1] of those with their class first, and among the
    first five (None for a task of five classes or fewer).
    """

    correct: Tensor
    top1: float
    top5: float | None

    @property
    def figures(self) -> dict[str, float]:
        """The shares by "top1" and, where there is one, "top5"."""
        return {"top1": self.top1} | ({} if self.top5 is None else {"top5": self.top5})


def accuracy(module: nn.Module, inputs: Tensor, labels: Tensor, compute: Compute) -> Accuracy:
    """Inputs (N,...) and labels (N,) -> how many the module answers rightly. Raises MetricError for logits that are not finite."""
    logits = apply(module, inputs, compute)
    correct = top_k_correct(logits, labels)
    top5 = float(top_k_correct(logits, labels, 5).float().mean()) if logits.shape[1] > FEW_CLASSES else None
    return Accuracy(correct, float(correct.float().mean()), top5)
