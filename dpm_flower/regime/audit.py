"""Every attacker against one's own release, before it leaves; a few pictures of what they make of it, for the owner."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Attack, Attacker, AttackerView, FeatureSource, Guess, SharingMethod
from dpm_flower.core.shared import SharedBatch, SharedFeatures
from dpm_flower.core.split_net import SplitNet
from dpm_flower.regime.raw_verdict import Verdict, judged_once
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors

ALWAYS_ASKED = PublicReconstructor()
SIGNED = ("ssim_p", "windowed_ssim_p", "structure_p")  # what a manifest says of each attacker: how much it got out of the release


@dataclass(frozen=True, slots=True)
class Audit:
    """By the attack's name, how near its guesses came from raw features (``…_z``) and from the release (``…_p``)."""

    figures: Mapping[str, Mapping[str, float]]

    @property
    def quality(self) -> dict[str, float]:
        """All figures by key; those of the public reconstructor bear no name."""
        return {
            key if name == ALWAYS_ASKED.name else f"{name}.{key}": value for name, own in self.figures.items() for key, value in own.items()
        }

    @property
    def scores(self) -> dict[str, float]:
        """What the manifest says: "A0.ssim_p"."""
        return {f"{name}.{key}": own[key] for name, own in self.figures.items() for key in SIGNED}


def audit(task: EntityTask, net: SplitNet, method: SharingMethod, released: SharedBatch, features: FeatureSource) -> Audit:
    """What `method` would release for the own images -> how near each of the study's attackers comes to them.

    Attackers are trained, and asked about raw features, once for all releases that they know equally much about; both are kept in
    the entity's own folder. Raises
    ReleaseError where an attack has nothing to say about the release: nothing leaves unjudged by what the study asks for.
    """
    images = as_floats(task.train.images)
    raw = SharedFeatures(features(task.train.images), task.train.labels)
    digest = net.digest()
    pictures, figures = {"originals": images[: task.study.pictures]}, dict[str, Mapping[str, float]]()

    def judged(attack: Attack, attacker: Attacker, batch: SharedBatch) -> Verdict:
        result = attacker.guess(batch)
        if not isinstance(result, Guess):
            raise ReleaseError(f"a release that {attack.name} does not apply to cannot be audited: {result.reason}")
        return Verdict(disclosure(images, result), result.images[: task.study.pictures])

    for attack in (ALWAYS_ASKED, *task.study.attacks):
        view = _view(task, net, attack, method, features, digest)
        attacker = attack.prepare(view, task.stream("attack", repr(attack), repr(view.recipe)))
        of_raw = judged_once(view.folder, functools.partial(judged, attack, attacker, raw))
        of_released = judged(attack, attacker, released)
        pictures |= {f"{attack.name}.z": of_raw.shown, f"{attack.name}.p": of_released.shown}
        figures[attack.name] = of_raw.disclosure.figures("z") | of_released.disclosure.figures("p")
    write_tensors(task.site.pictures(task.campaign, repr(method)), pictures)
    return Audit(figures)


def _view(task: EntityTask, net: SplitNet, attack: Attack, method: SharingMethod, features: FeatureSource, digest: str) -> AttackerView:
    recipe = method if attack.level.knows_recipe else None
    return AttackerView(
        net=net,
        public=task.public,
        features=features,
        recipe=recipe,
        folder=task.site.attacker(task.campaign, "\x1f".join((repr(attack), digest, repr(recipe)))),
        compute=task.compute,
        report=task.report,
    )
