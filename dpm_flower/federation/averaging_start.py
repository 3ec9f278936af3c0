"""Where a federated averaging begins: the lead's weights, or untrained ones that nobody among the entities chose."""

import functools
from collections.abc import Mapping

from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.errors import ArmError, DpmFlowerError
from dpm_flower.core.named_tensors import below
from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.federation.received_networks import classes_of
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.pretrain import study_head
from dpm_flower.regime.refine import network_part

DECIDER = "decider."  # what the decider's tensors are called among those of the public networks


def start_of(study: Study, seed: int, arm: AveragingArm, nets: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """An averaging arm and the lead's public networks -> the tensors of its part that round 1 starts from.

    From scratch they are what a pre-training would start from, of a stream of the server's own: the same for all arms of a seed.
    Raises ArmError where they cannot be made: the study's weights cannot be read here, or the lead's do not tell the classes.
    """
    if arm.start == "scratch":
        try:
            nets = _untrained(study, seed, classes_of(nets))
        except DpmFlowerError as err:
            raise ArmError(f"there is nothing to start from: {err}") from err
    return decider_of(nets) if arm.part == "decider" else network_part(nets)


def decider_of(nets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of public networks -> those of the decider, under its own names."""
    return below(nets, DECIDER)


@functools.lru_cache(maxsize=1)  # the arms of one seed come one after the other
def _untrained(study: Study, seed: int, classes: int) -> Mapping[str, Tensor]:
    rng = stream(seed, "server", "averaging", "initialisation")
    head = study_head(study, seed)
    return PublicNets.assemble(study.backbone, study.hook, study.side, classes, rng, head, study.weights).tensors()
