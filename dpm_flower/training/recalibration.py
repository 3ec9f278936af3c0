"""Batch norms' statistics, taken anew over inputs that stand for those to come, when a network has learnt from others."""

import copy
import math

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import TrainingError
from dpm_flower.nets.batch_norms import batch_norms, norms_in_training
from dpm_flower.training.prediction import BATCH

LEAST_INPUTS = 2  # one has no variance


@torch.no_grad()
def recalibrate(network: nn.Module, inputs: Tensor, compute: Compute) -> None:
    """A network and N >= 2 inputs (N,...) -> every batch norm goes by their mean and variance; weights and all else stay as they are.

    Training leaves a batch norm the statistics of its last batches. Where these were a mixture of a few raw features and many poisoned
    ones, and raw ones are asked about, the network is read on another scale than it speaks. Statistics are means over batches that are
    as large as one another or smaller by one; dropout is off (torch's `update_bn` has it on). A network without batch norms stays as is.
    Raises TrainingError for fewer inputs. Source: precise batch norm (Wu and Johnson 2021, arXiv 2105.07576); for another domain AdaBN
    (Li et al. 2016, arXiv 1603.04779).
    """
    norms = batch_norms(network)
    if not norms:
        return
    if len(inputs) < LEAST_INPUTS:
        raise TrainingError(f"wanted at least {LEAST_INPUTS} inputs to take a batch norm's statistics from, got {len(inputs)}")
    twin = compute.place_module(copy.deepcopy(network)).eval()  # so that a failure costs nothing
    taken = batch_norms(twin)
    for norm in taken.values():
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for a plain mean over batches
    norms_in_training(twin, training=True)
    with compute.autocast():
        for batch in torch.tensor_split(inputs, math.ceil(len(inputs) / BATCH)):
            twin(compute.place(batch))
    for name, norm in norms.items():
        norm.load_state_dict(taken[name].state_dict())
