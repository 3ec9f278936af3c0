"""Step 3, at every entity: train the own decider on own features and all that the peers released."""

import copy
import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.pretrain import fresh_nets
from dpm_flower.regime.round import Round, round_fitting
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.prediction import accuracy
from dpm_flower.training.supervised import Examples, train_classifier

PIECE_ROWS = 1024  # digested at a time, since inputs may lie in a file


def refine(task: EntityTask, net: PublicNets, arm: SharingArm, examples: Examples) -> None:
    """Own features and received ones -> a refined decider in the own folder. Source: Deep Poisoning, step 3."""
    study = task.study
    with task.threads():
        decider = copy.deepcopy(net.decider).requires_grad_(True)
        rng = task.stream("decider", arm.name)
        train_classifier(decider, examples, study.refine, compute=task.compute, rng=rng, work="decider", report=task.report)
    write_tensors(task.site.decider(task.campaign, arm.name), decider.state_dict())


def refine_shared(
    task: EntityTask, net: PublicNets, arm: SharingArm, examples: Examples, state: Mapping[str, Tensor], at: Round
) -> ModelUpdate:
    """One round of the shared decider: from its present `state`, its share of the training that an entity does alone."""
    decider = copy.deepcopy(net.decider).requires_grad_(True)
    decider.load_state_dict(dict(state))
    if part := round_fitting(task.study.refine, at, len(examples.inputs)):
        with task.threads():
            train_classifier(
                decider,
                examples,
                part.fitting,
                compute=task.compute,
                rng=task.stream("decider", f"{arm.name}, round {at.number}"),
                work="decider",
                report=task.report,
                stretch=part.stretch,
            )
    return ModelUpdate(decider.state_dict(), len(examples.inputs))


def train_network(task: EntityTask, arm: SharingArm, examples: Examples) -> None:
    """Own images and received ones -> a network trained from scratch, in the own folder, as the lead's was: its budget and patience."""
    study, compute = task.study, task.compute
    with task.threads():
        nets = fresh_nets(task)
        network = nets.whole_network()
        train_classifier(
            network,
            examples,
            study.pretrain,
            compute=compute,
            rng=task.stream("network", arm.name),
            work="network",
            augment=study.augment,
            validate=(lambda: accuracy(network, task.validation.images, task.validation.labels, compute).top1)
            if study.pretrain.patience
            else None,
            report=task.report,
            # named by its examples: after other releases came, a network that had seen the earlier ones is not gone on with
            checkpoint=task.site.checkpoint(task.campaign, f"{arm.name}\x1f{_digest(examples)}"),
        )
    write_tensors(task.site.decider(task.campaign, arm.name), network_part(nets.tensors()))


def network_part(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of public networks -> those of featurizer and decider, without the reconstructor."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("reconstructor.")}


def _digest(examples: Examples) -> str:
    """SHA-256 over labels and inputs, in hexadecimal."""
    pieces = torch.split(torch.arange(len(examples.inputs)), PIECE_ROWS)
    parts = [tensors_digest({"labels": examples.labels}), *(tensors_digest({"inputs": examples.inputs[piece]}) for piece in pieces)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
