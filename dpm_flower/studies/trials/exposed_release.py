"""A release in one process, without signatures: what the sender's method makes, as readers get it, and a decider refined on it."""

import torch
from safetensors.torch import load_file

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import Preparation, SharingMethod
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.unpaired import images_behind
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.payload.codec import decode, encode
from dpm_flower.regime.attacker_views import Exposed
from dpm_flower.regime.publishing import released_spec
from dpm_flower.regime.refine import refine
from dpm_flower.regime.task import EntityTask
from dpm_flower.studies.trials.regime_scene import Scene
from dpm_flower.training.supervised import Examples


def exposed_by(method: SharingMethod, scene: Scene) -> Exposed:
    """A sharing method -> the sender's release by it, encoded and decoded. Raises SettingError for a method that shares nothing."""
    sender, nets = scene.sender, scene.nets
    preparation = Preparation(
        net=nets,
        private=sender.train,
        validation=sender.validation,
        public=sender.public,
        rng=sender.stream("method", repr(method)),
        compute=sender.compute,
        report=sender.report,
        features=sender.features(nets),
    )
    sharer = method.prepare(preparation)
    if sharer is None:
        raise SettingError(f"wanted a method that shares something, got {method.name}")
    batch = sharer.share(sender.train.images, sender.train.labels)
    spec = released_spec(nets, sender.study.side, batch)
    samples = len(images_behind(method, sender.train.labels, batch))
    return Exposed(method, sharer, decode(encode(batch), spec, classes=sender.train.classes, samples=samples))


def refined_on(exposed: Exposed, scene: Scene, receiver: EntityTask) -> PublicNets:
    """A release, and the receiver's task with its own folder -> the networks with the receiver's decider refined on own and received.

    Raises SettingError for a release without features.
    """
    released = exposed.released
    if not isinstance(released, SharedFeatures):
        raise SettingError(f"a decider is refined on features, got {type(released).__name__} by {exposed.method.name}")
    inputs = torch.cat([receiver.features(scene.nets)(receiver.train.images), released.features.float()])
    arm = SharingArm(name=exposed.method.name, method=exposed.method)
    refine(receiver, scene.nets, arm, Examples(inputs, torch.cat([receiver.train.labels, released.labels])))
    nets = scene.nets.frozen()  # a copy
    nets.decider.load_state_dict(load_file(receiver.site.decider(receiver.campaign, arm.name)))
    return nets
