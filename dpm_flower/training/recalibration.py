"""Batch norms' statistics, taken anew over inputs that stand for those to come, when a network has learnt from others."""

import math

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import TrainingError
from dpm_flower.nets.batch_norms import batch_norms, norms_in_training
from dpm_flower.nets.tracing import in_mode
from dpm_flower.training.prediction import BATCH

LEAST_INPUTS = 2  # one has no variance


@torch.no_grad()
def recalibrate(network: nn.Module, inputs: Tensor, compute: Compute) -> None:
    """A network and N >= 2 inputs (N,...) -> every batch norm goes by their mean and variance; weights and all else stay as they are.

    Training leaves a batch norm the statistics of its last batches: of one day's few classes, or mostly of features that were
    poisoned. Where all classes are asked about, by raw features, the network is then read on another scale than it speaks. Statistics
    are means over batches that are as large as one another or smaller by one; dropout is off. A network without batch norms stays as it is.
    Raises TrainingError for fewer inputs. Source: precise batch norm (Wu and Johnson 2021, arXiv 2105.07576); for another domain AdaBN
    (Li et al. 2016, arXiv 1603.04779).
    """
    norms = batch_norms(network)
    if not norms:
        return
    if len(inputs) < LEAST_INPUTS:
        raise TrainingError(f"wanted at least {LEAST_INPUTS} inputs to take a batch norm's statistics from, got {len(inputs)}")
    compute.place_module(network)
    momenta = {name: norm.momentum for name, norm in norms.items()}
    try:
        for norm in norms.values():
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for a plain mean over batches
        with in_mode(network, training=False), compute.autocast():
            norms_in_training(network, training=True)
            for batch in torch.tensor_split(inputs, math.ceil(len(inputs) / BATCH)):
                network(compute.place(batch))
    finally:
        for name, norm in norms.items():
            norm.momentum = momenta[name]
