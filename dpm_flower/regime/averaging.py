"""One entity's part in a round of federated averaging: the average so far and own images -> its update."""

import copy
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.fitting import Augmentation
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.core.study import Study
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.nets.strict_state import overwrite
from dpm_flower.regime.round import Round, RoundFitting, round_fitting
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.supervised import Examples, train_classifier


def average_locally(
    task: EntityTask, nets: PublicNets, arm: AveragingArm, tensors: Mapping[str, Tensor], proximal_mu: float, at: Round
) -> ModelUpdate:
    """The present average of the arm's part -> the same tensors after this entity's steps on its own images only.

    A whole network is trained on images, a decider on own features behind the lead's featurizer, which stays as it is.
    Batch-norm statistics are tensors like the weights: Flower averages running means and variances by the number of images, which
    is not the variance of all images together. Raises ReleaseError or ShapeError for tensors that are not this part's.
    Source: arXiv 1602.05629, algorithm 1, with AdamW for SGD, its moments anew in each round; `proximal_mu` as in arXiv 1812.06127,
    algorithm 2.
    """
    part = copy.deepcopy(nets.whole_network() if arm.part == "network" else nets.decider).requires_grad_(True)
    overwrite(part.state_dict(), tensors)
    if local := local_fitting(task.study, arm, at, len(task.train)):
        with task.threads():
            examples, augment = _examples(task, nets, arm)
            train_classifier(
                part,
                examples,
                local.fitting,
                compute=task.compute,
                rng=task.stream("averaging", arm.name, str(at.number)),
                work=arm.part,
                augment=augment,
                proximal_mu=proximal_mu,
                report=task.report,
                stretch=local.stretch,
            )
    return ModelUpdate(part.state_dict(), len(task.train))


def local_fitting(study: Study, arm: AveragingArm, at: Round, images: int) -> RoundFitting | None:
    """An averaging arm, its round and one entity's number of images -> that round's steps and rates; None for no step at all.

    Without `local_epochs` the rounds together take the steps of the study's budget, whatever an entity has. With it, a round
    takes that many passes over the entity's own images, so that a small one takes fewer steps. Either way the learning rates
    are those of one training over the steps of all rounds.
    """
    budget = study.refine if arm.start == "lead" else study.pretrain
    if arm.learning_rate is not None:
        budget = replace(budget, learning_rate=arm.learning_rate)
    if arm.local_epochs is not None:
        budget = replace(budget, steps=arm.rounds * arm.local_epochs * budget.steps_per_epoch(images), max_epochs=None)
    return round_fitting(budget, at, images)


def _examples(task: EntityTask, nets: PublicNets, arm: AveragingArm) -> tuple[Examples, Augmentation]:
    """Own images, augmented as the study says, or their features, which are computed once."""
    if arm.part == "network":
        return Examples(task.train.images, task.train.labels), task.study.augment
    features = task.features(nets)(task.train.images)
    return Examples(features, task.train.labels), "none"
