"""The entities of a small study on a trial's ground, in one process: who receives, who sends, and what the attacking peer owns."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.core.alone import alone_in
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, joined_images
from dpm_flower.core.protocols import AttackerView, SharingMethod
from dpm_flower.core.study import Study
from dpm_flower.data.division import divide
from dpm_flower.data.sources import load_to_divide
from dpm_flower.federation.opening import open_nets
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.attacker_views import plain
from dpm_flower.regime.pretrain import pretrain
from dpm_flower.regime.site import Site
from dpm_flower.regime.task import EntityTask
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.features import FeatureCache

CAMPAIGN = "trial"
ROLES = 3  # who receives (and pre-trains), who sends, who attacks


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Two entities' tasks, the images of a third who attacks, and the public networks, which the receiver has trained."""

    receiver: EntityTask
    sender: EntityTask
    own: Labelled
    nets: PublicNets

    def view(self, ground: Ground, net: PublicNets | None = None, recipe: SharingMethod | None = None) -> AttackerView:
        """What the attacking peer knows: `net` (None: the public networks), and the recipe where there is one."""
        known = net or self.nets
        folder = ground.folder / "attacker"
        return AttackerView(
            net=known,
            public=plain(self.receiver.public),
            features=FeatureCache(known.featurizer, ground.compute, folder / "features"),
            recipe=recipe,
            folder=folder,
            compute=ground.compute,
            report=ground.report,
            own=self.own,
        )

    def candidates(self, ground: Ground, members: int, others: int) -> tuple[Labelled, Tensor]:
        """At most so many of the sender's images and as many held-out ones -> all of them, and which are the sender's (N,) bool."""
        sent, test = self.sender.train, self.sender.test
        chosen = torch.randperm(len(test), generator=ground.stream("others"))[:others]
        inside, outside = sent.take(torch.arange(min(members, len(sent)))), test.take(chosen)
        both = Labelled(joined_images([inside.images, outside.images]), torch.cat([inside.labels, outside.labels]), sent.classes)
        return both, torch.arange(len(both)) < len(inside)


def scene_of(ground: Ground, study: Study) -> Scene:
    """A study whose partition has three entities: who receives and pre-trains, who sends, who attacks -> the scene.

    The public networks are trained once for all trials of a seed. Raises SettingError for another number of entities.
    """
    names = study.partition.names
    if len(names) != ROLES:
        raise SettingError(f"wanted three entities, who receives, who sends and who attacks, got {', '.join(names)}")
    study = replace(study, data=ground.data)
    common = ground.common / kept_as("scene", repr(study))
    division = divide(load_to_divide(study.data, study.side), study.partition, ground.seed)
    own = division.entities[names[2]].train

    def task(name: str) -> EntityTask:
        images = division.entities[name]
        return EntityTask(
            study=study,
            seed=ground.seed,
            campaign=CAMPAIGN,
            entity=name,
            train=images.train,
            validation=images.validation,
            public=division.public,
            test=division.test,
            site=Site(common / "sites" / name),
            compute=ground.compute,
            report=ground.report,
            common=common / "everybody",
            peer=own,
        )

    receiver, sender = task(names[0]), task(names[1])
    return Scene(receiver, sender, own, _public_nets(receiver))


def _public_nets(lead: EntityTask) -> PublicNets:
    path = lead.site.nets(lead.campaign)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent, wait_s=math.inf):
        if not path.exists():
            write_tensors(path, pretrain(lead).nets.tensors())
    return open_nets(lead)
