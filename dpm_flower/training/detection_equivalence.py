"""What poisoned features must keep for a detector: its losses on the true boxes, its response to raw features, or its maps of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.nets.detector_split import DetectionDecider
from dpm_flower.nets.tracing import in_mode
from dpm_flower.training.detection import ASKED, BoxedExamples, summed
from dpm_flower.training.detection_response import Response, TwoStages, response_loss
from dpm_flower.training.losses import EQUIVALENCES, Equivalence
from dpm_flower.training.poisoning import Unequal

LEAST_SCALE = 1e-6  # of activations: a decider that answers nothing has none


def detection_equivalence(equivalence: Equivalence, decider: DetectionDecider, examples: BoxedExamples, compute: Compute) -> Unequal:
    """A frozen decider and raw features (N,C,h,w) with their boxes -> how far its answer to poisoned ones lies from what it should be.

    * ``labels``: the detector's own losses on the true boxes. Source: Deep Poisoning, equation 4, for detectors.
    * ``response``: what it says at every anchor and of its proposals for the raw features, against what it says of those.
    * ``activations``: mean squared distance to the maps that its heads read of the raw features, in units of their standard deviation.

    Raises SettingError for another equivalence, and for the response of a detector without proposals.
    """
    compute.place_module(decider)
    match equivalence:
        case "labels":
            return _unlike_labels(decider, examples, compute)
        case "response":
            return _unlike_response(decider, examples, compute)
        case "activations":
            return _unlike_maps(decider, examples, compute)
    raise SettingError(f"equivalence must be one of {', '.join(EQUIVALENCES)}, got {equivalence!r}")


def _unlike_labels(decider: DetectionDecider, examples: BoxedExamples, compute: Compute) -> Unequal:
    def unequal(poisoned_BChw: Tensor, indices_B: Tensor) -> Tensor:
        with giving_losses(decider):
            return summed(decider(poisoned_BChw.float(), examples.targets(indices_B, compute.device)))

    return unequal


def _unlike_response(decider: DetectionDecider, examples: BoxedExamples, compute: Compute) -> Unequal:
    stages = TwoStages.of(decider)
    raw = _in_batches(examples, compute)
    with torch.no_grad():
        wanted = Response.joined([stages.response(batch).to(torch.device("cpu")) for batch in raw])

    def unequal(poisoned_BChw: Tensor, indices_B: Tensor) -> Tensor:
        target = wanted.at(indices_B).to(compute.device)
        return response_loss(stages.response(poisoned_BChw.float(), target.proposals), target)

    return unequal


def _unlike_maps(decider: DetectionDecider, examples: BoxedExamples, compute: Compute) -> Unequal:
    with torch.no_grad():
        found = [{name: one.cpu() for name, one in decider.maps(batch).items()} for batch in _in_batches(examples, compute)]
    wanted = {name: torch.cat([maps[name] for maps in found]) for name in found[0]}
    scales = {name: max(float(one.std()), LEAST_SCALE) for name, one in wanted.items()}

    def unequal(poisoned_BChw: Tensor, indices_B: Tensor) -> Tensor:
        maps: Mapping[str, Tensor] = decider.maps(poisoned_BChw.float())
        distances = [((maps[name] - wanted[name][indices_B].to(compute.device)) / scale).square().mean() for name, scale in scales.items()]
        return torch.stack(distances).mean()

    return unequal


def _in_batches(examples: BoxedExamples, compute: Compute) -> Iterator[Tensor]:
    """Raw features, a few at a time, on the device."""
    for indices in torch.split(torch.arange(len(examples.inputs)), ASKED):
        yield compute.place(examples.inputs[indices].float())


@contextmanager
def giving_losses(network: nn.Module) -> Iterator[None]:
    """A detector or a decider gives losses inside the block, which it does while training; what learns or drops then stays as it was."""
    with in_mode(network, training=True):
        for part in network.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm | nn.modules.dropout._DropoutNd):
                part.eval()
        yield
