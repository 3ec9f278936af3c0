"""What each attacker on one entity's releases gets to know: the level says it, and nothing here holds the entity's images."""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.progress import Report
from dpm_flower.core.protocols import (
    Attack,
    Attacker,
    AttackerView,
    AttributeAttack,
    BlackBox,
    FeatureSource,
    Inferrer,
    Leaked,
    LinkageAttack,
    Linker,
    Sharer,
    SharingMethod,
    StudyAttack,
)
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.streams import stream
from dpm_flower.regime.site import Site
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.known_digests import KnownDigests

digest_of = KnownDigests()  # of this process: a release is hashed once, however many attackers it is shown to


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """A release under attack: the method that it was made by, the sharer that made it, and what left."""

    method: SharingMethod
    sharer: Sharer
    released: SharedBatch


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What is the same for all attackers on one entity's releases: networks, images and features that they may all have, and how a
    piece of knowledge names the folder and the random stream of who has it.

    Who knows what everybody knows is the same attacker for all entities, and where they have a place in common it is trained there, once.
    """

    net: SplitNet
    digest: str  # of the networks
    public: Labelled
    own: Labelled
    features: FeatureSource
    compute: Compute
    report: Report
    folder_of: Callable[[str], Path]
    everybodys_folder_of: Callable[[str], Path]
    stream_of: Callable[..., torch.Generator]
    everybodys_stream_of: Callable[..., torch.Generator]

    @classmethod
    def of(cls, task: EntityTask, net: SplitNet) -> "Surroundings":
        """An entity's task -> the surroundings of who attacks it.

        The attacking peer owns the images of the largest other entity, where they are at hand. In a deployment they are not, and it
        is assumed to own the entity's own images that are not released, which are as much like the victims as any can be.
        All of them are here without the set that they were chosen from: in a simulation it holds the victims too.
        """
        public, peer = plain(task.public), None if task.peer is None else plain(task.peer)
        return cls(
            net=net,
            digest=net.digest(),
            public=public,
            own=plain(task.validation) if peer is None else peer,
            features=replace(task, public=public, test=plain(task.test), peer=peer).features(net),
            compute=task.compute,
            report=task.report,
            folder_of=functools.partial(task.site.attacker, task.campaign),
            everybodys_folder_of=functools.partial((Site(task.common) if task.common else task.site).attacker, task.campaign),
            everybodys_stream_of=functools.partial(stream, task.seed, "everybody"),
            stream_of=functools.partial(stream, task.seed, f"entity-{task.entity}"),  # not the task's: the task holds the images
        )

    def view(self, attack: Attack, exposed: Exposed, leaked: Leaked | None) -> AttackerView:
        """An attack and a release -> what this attack may know about it, in a folder that no attacker with other knowledge has."""
        level = attack.level
        if not level.sees_victim:
            return self._bystanders(attack, exposed.method)
        return replace(
            self._bystanders(attack, exposed.method, _release_digest(exposed.released)),
            leaked=leaked if level.has_leaked_pairs else None,
            oracle=_sealed(copy.deepcopy(exposed.sharer)) if level.asks_module else None,  # asking moves its stream, for nobody else
        )

    def prepare(self, attack: Attack, view: AttackerView) -> Attacker:
        """An attack and its view -> the attacker, under the random stream of its knowledge."""
        stream_of = self.stream_of if _is_personal(attack) else self.everybodys_stream_of
        return attack.prepare(view, stream_of("attack", repr(attack), repr(view.recipe)))

    def linker(self, attack: LinkageAttack, what: Exposed) -> Linker:
        """A linkage attack and a release -> the linker, prepared with what it may know, under the random stream of its knowledge."""
        view = self._bystanders(attack, what.method)
        return attack.linker(view, self.stream_of("attack", repr(attack), repr(view.recipe)))

    def inferrer(self, attack: AttributeAttack, what: Exposed) -> Inferrer:
        """An attribute attack and a release -> the inferrer, prepared with what it may know, under the random stream of its knowledge."""
        view = self._bystanders(attack, what.method)
        return attack.inferrer(view, self.stream_of("attack", repr(attack), repr(view.recipe)))

    def _bystanders(self, attack: StudyAttack, method: SharingMethod, *seen: str) -> AttackerView:
        """The view of an attack as far as nothing of the victim is in it; what it has `seen` besides is part of its folder's name."""
        level = attack.level
        recipe = method if level.knows_recipe else None
        folder_of = self.folder_of if _is_personal(attack) else self.everybodys_folder_of
        return AttackerView(
            net=self.net,
            public=self.public,
            features=self.features,
            recipe=recipe,
            folder=folder_of("\x1f".join((repr(attack), self.digest, repr(recipe), *seen))),
            compute=self.compute,
            report=self.report,
            own=self.own if level.is_peer else None,
            prepared=functools.partial(self._prepared, method) if level.sees_victim else None,
        )

    def _prepared(self, method: SharingMethod, attack: Attack) -> Attacker:
        if attack.level.sees_victim:
            raise SettingError(f"wanted an attack that sees nothing of its victim, got {attack.name}")
        return self.prepare(attack, self._bystanders(attack, method))


def _is_personal(attack: StudyAttack) -> bool:
    """Whether it has anything that only the attackers of this entity have: the peer's images, or something of the victim."""
    return attack.level.is_peer or attack.level.sees_victim


def plain(images: Labelled) -> Labelled:
    """Images that may be gathered from a larger set -> the same tensors (caches know them again) without a way to that set."""
    return images if type(images) is Labelled else Labelled(images.images, images.labels, images.classes, images.attributes)


def _sealed(sharer: Sharer) -> BlackBox:
    """A sharer -> what it shares for images and labels, and no other way to it."""

    def ask(images: Tensor, labels: Labels) -> SharedBatch:
        return sharer.share(images, labels)

    return ask


def _release_digest(released: SharedBatch) -> str:
    match released:
        case SharedFeatures(features=values) | SharedImages(images=values):
            return digest_of(values)
        case ModelUpdate(tensors=tensors):
            return tensors_digest(tensors)
    assert_never(released)
