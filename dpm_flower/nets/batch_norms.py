"""The batch norms of a network: which they are, and whether they read statistics from the batch or from what they have kept."""

from torch import nn


def batch_norms(network: nn.Module) -> dict[str, nn.BatchNorm1d | nn.BatchNorm2d]:
    """A network -> its batch norms that keep statistics, by their names."""
    norms = ((name, part) for name, part in network.named_modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d))
    return {name: norm for name, norm in norms if norm.track_running_stats}


def norms_in_training(network: nn.Module, *, training: bool) -> None:
    """Sets the batch norms of a network to work as in training or as in evaluation; nothing else changes, dropout least of all."""
    for norm in batch_norms(network).values():
        norm.train(training)
