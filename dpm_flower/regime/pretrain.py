"""Step 1, at the lead: train a classifier, cut it, and train the public reconstructor on public images."""

import time
from dataclasses import dataclass

from dpm_flower.core.streams import stream
from dpm_flower.core.study import Study
from dpm_flower.nets.anchor_head import HeadFor, head_for
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.prediction import accuracy
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.supervised import Examples, train_classifier


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """The frozen public networks, and the seconds that they took."""

    nets: PublicNets
    seconds: float


def pretrain(task: EntityTask) -> Pretrained:
    """The lead's images and the public ones -> frozen featurizer, decider and reconstructor. Source: Deep Poisoning, equations 1 to 3."""
    study, compute, started = task.study, task.compute, time.perf_counter()
    with task.threads(study.lead_threads):
        nets = fresh_nets(task)
        network = nets.whole_network()
        train_classifier(
            network,
            Examples(task.train.images, task.train.labels),
            study.pretrain,
            compute=compute,
            rng=task.stream("backbone"),
            work="backbone",
            augment=study.augment,
            validate=(lambda: accuracy(network, task.validation.images, task.validation.labels, compute).top1)
            if study.pretrain.patience
            else None,
            report=task.report,
            checkpoint=task.site.checkpoint(task.campaign, "backbone"),
        )
        features = task.features(nets)(task.public.images)
        train_reconstructor(
            nets.reconstructor,
            features,
            task.public.images,
            study.reconstruct,
            compute=compute,
            rng=task.stream("reconstructor"),
            report=task.report,
            checkpoint=task.site.checkpoint(task.campaign, "reconstructor"),
        )
    return Pretrained(nets.frozen(), time.perf_counter() - started)


def fresh_nets(task: EntityTask) -> PublicNets:
    """Public networks of the study's kind, from this entity's stream and the study's weights."""
    study, head = task.study, study_head(task.study, task.seed)
    rng = task.stream("initialisation")
    return PublicNets.assemble(study.backbone, study.hook, study.side, task.train.classes, rng, head, study.weights)


def study_head(study: Study, seed: int) -> HeadFor:
    """What the study's loss puts at the end of its deciders; class anchors are the same wherever they are set under one seed."""
    return head_for(study.loss, stream(seed, "anchors"))
