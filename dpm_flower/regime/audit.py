"""Every attacker against one's own release, before it leaves; a few pictures of what they make of it, for the owner."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Attack, AttackerView, FeatureSource, Guess
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.split_net import SplitNet
from dpm_flower.methods.raw_features import RawFeatures, RawFeaturesSharer
from dpm_flower.regime.attacker_views import Exposed, Surroundings
from dpm_flower.regime.leak import Parted, parted
from dpm_flower.regime.raw_verdict import Verdict, judged_once
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors

ALWAYS_ASKED = PublicReconstructor()
# what a manifest says of each attacker: how much it got out of the release
SIGNED = ("ssim_p", "windowed_ssim_p", "structure_p", "edge_p", "perceptual_p")


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


def audit(task: EntityTask, net: SplitNet, exposed: Exposed, features: FeatureSource) -> Audit:
    """What would be released for the own images -> how near each of the study's attackers comes to them.

    Each is asked about raw features too, as if those were what is released and the attacker knew it. Attackers are trained once for
    all releases that they know equally much about, and asked about raw features once; both are kept in the entity's own folder.
    Images that have leaked to an attacker are not among those that it is judged by. Raises ReleaseError where an attack has nothing
    to say about the release: nothing leaves unjudged by what the study asks for.
    """
    around = Surroundings.of(task, net)
    labels = task.train.labels
    raw = Exposed(RawFeatures(), RawFeaturesSharer(features), SharedFeatures(features(task.train.images), labels))
    pictures, figures = {"originals": as_floats(task.train.images[: task.study.pictures])}, dict[str, Mapping[str, float]]()

    def judged(attack: Attack, view: AttackerView, known: Parted) -> Verdict:
        result = around.prepare(attack, view).guess(known.released)
        if not isinstance(result, Guess):
            raise ReleaseError(f"a release that {attack.name} does not apply to cannot be audited: {result.reason}")
        images = as_floats(known.images)
        return Verdict(disclosure(images, result, net.featurizer, task.compute), result.images[: task.study.pictures])

    def known_to(attack: Attack, what: Exposed) -> tuple[AttackerView, Parted]:
        known = parted(attack, task.train.images, what.released, task.study.pictures, task.stream("leaked pairs"))
        return around.view(attack, what, known.leaked), known

    for attack in (ALWAYS_ASKED, *task.study.attacks):
        view, known = known_to(attack, raw)
        of_raw = judged_once(view.folder, functools.partial(judged, attack, view, known))
        of_released = judged(attack, *known_to(attack, exposed))
        pictures |= {f"{attack.name}.z": of_raw.shown, f"{attack.name}.p": of_released.shown}
        figures[attack.name] = of_raw.disclosure.figures("z") | of_released.disclosure.figures("p")
    write_tensors(task.site.pictures(task.campaign, repr(exposed.method)), pictures)
    return Audit(figures)
