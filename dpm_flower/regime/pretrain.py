"""Step 1, at the lead: train a classifier, cut it, and train the public reconstructor on public images."""

import time
from dataclasses import dataclass

from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.features import FeatureCache
from dpm_flower.training.prediction import top1
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
            validate=(lambda: top1(network, task.validation.images, task.validation.labels, compute)[0])
            if study.pretrain.patience
            else None,
            report=task.report,
            checkpoint=task.site.checkpoint(task.campaign, "backbone"),
        )
        features = FeatureCache(nets.featurizer, compute, task.site.features)(task.public.images)
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
    """Untrained public networks of the study's kind, from this entity's stream."""
    return PublicNets.assemble(task.study.backbone, task.study.hook, task.study.side, task.train.classes, task.stream("initialisation"))
