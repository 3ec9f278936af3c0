"""Where a federated averaging begins: the lead's weights, or untrained ones that nobody among the entities chose."""

import functools
from collections.abc import Mapping

from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.errors import PeerError
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.pretrain import study_head

DECIDER = "decider."  # what the decider's tensors are called among those of the public networks
HEAD = "decider.head."  # its last layer: weights or anchors (K,A), one row for each class


def start_of(study: Study, seed: int, arm: AveragingArm, nets: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """An averaging arm and the lead's public networks -> the tensors of its part that round 1 starts from.

    From scratch they are what a pre-training would start from, of a stream of the server's own: the same for all arms of a seed.
    Raises PeerError for public networks that do not tell the number of classes.
    """
    if arm.start == "scratch":
        nets = _untrained(study, seed, _classes(nets))
    if arm.part == "decider":
        return decider_of(nets)
    return {name: tensor for name, tensor in nets.items() if not name.startswith("reconstructor.")}


def decider_of(nets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of public networks -> those of the decider, under its own names."""
    return {name.removeprefix(DECIDER): tensor for name, tensor in nets.items() if name.startswith(DECIDER)}


def _classes(nets: Mapping[str, Tensor]) -> int:
    """The server has no images to count classes in; the networks that it was sent have a row for each."""
    heads = [tensor for name, tensor in nets.items() if name.startswith(HEAD) and tensor.ndim == 2]
    if not heads:
        raise PeerError(f"wanted public networks with a tensor (K,A) below {HEAD!r}, got {', '.join(sorted(nets)) or 'none'}")
    return len(heads[0])


@functools.lru_cache(maxsize=1)  # the arms of one seed come one after the other
def _untrained(study: Study, seed: int, classes: int) -> Mapping[str, Tensor]:
    rng = stream(seed, "server", "averaging", "initialisation")
    head = study_head(study, seed)
    return PublicNets.assemble(study.backbone, study.hook, study.side, classes, rng, head, study.weights).tensors()
