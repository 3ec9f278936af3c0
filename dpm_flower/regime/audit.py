"""Every attacker against one's own release, before it leaves: the headline, each one's figures, and pictures for the owner."""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from dpm_flower.attacks.encrypted_release import is_meant_for
from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.headline import Headline, any_counts, headline
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import MetricError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Attack, AttributeAttack, FeatureSource, LinkageAttack
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.unpaired import images_behind, is_unpaired
from dpm_flower.methods.raw_features import RawFeatures, RawFeaturesSharer
from dpm_flower.regime.attacker_views import Exposed, Surroundings, digest_of
from dpm_flower.regime.inferring import inferred
from dpm_flower.regime.judging import Judge, Judgement
from dpm_flower.regime.leakage import OF_UNPAIRED, PROVES, Chance, Fraction, Leakage, attack_leak
from dpm_flower.regime.linking import gallery_for, linked
from dpm_flower.regime.raw_verdict import Verdict, judged_once
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors

ALWAYS_ASKED = PublicReconstructor()
# what a manifest says of each attacker: how much it got out of the release
SIGNED = ("ssim_p", "windowed_ssim_p", "structure_p", "edge_p", "perceptual_p", "disclosed_p", "disclosed_p_p95")
SIGNED_LINKS = ("rank1_p", "rank1_p_high", "rank1_label", "rank1_chance", "map_p")
SIGNED_ATTRIBUTES = ("auc_p", "auc_p_high", "auc_label", "map_label")  # beside map_p
FLOOR = "floor"  # heads the figures of who knows the labels only


@dataclass(frozen=True, slots=True)
class Audit:
    """By the attack's name, how near its guesses came from raw features (``…_z``) and from the release (``…_p``).

    `headline` are the figures that the release is judged by, `floor` what the label alone tells; `leakage` is all of it for the owner.
    """

    figures: Mapping[str, Mapping[str, float]]
    headline: Mapping[str, float]
    floor: Mapping[str, float]
    leakage: Leakage = field(repr=False)

    @property
    def quality(self) -> dict[str, float]:
        """All figures by key; those of the public reconstructor bear no name."""
        by_attack = {
            key if name == ALWAYS_ASKED.name else f"{name}.{key}": value for name, own in self.figures.items() for key, value in own.items()
        }
        return {**self.headline, **by_attack, **{f"{FLOOR}.{key}": value for key, value in self.floor.items()}}

    @property
    def scores(self) -> dict[str, float]:
        """What the manifest says: "headline_p", "A0.ssim_p", and how many images of their own the attackers had who are peers.

        "A2.unlearnt", 1 where it stands: under this name is what everybody can do, since the release's recipe gives nothing to learn from.
        """
        beside = {"attacker_images": float(self.leakage.own_images)} | {f"{name}.unlearnt": 1.0 for name in self.leakage.unlearnt}
        return {**self.headline, **beside} | {
            f"{name}.{key}": own[key]
            for name, own in self.figures.items()
            for key in (*SIGNED, *SIGNED_LINKS, *SIGNED_ATTRIBUTES)
            if key in own
        }


def audit(task: EntityTask, net: SplitNet, exposed: Exposed, features: FeatureSource, *, again: int = 0) -> Audit:
    """What would be released for the own images -> how near each of the study's attackers comes to them.

    Each is asked about raw features too, as if those were what is released and the attacker knew it: its ceiling. The floor is the
    mean image of each label's class among the images that the attacking peer owns. Attackers are trained once for all releases that
    they know equally much about, and asked about raw features once; both are kept in the entity's own folder. Images that have leaked
    to an attacker are not among those that it is judged by, and who has seen more of the victim than its release does not count in
    the headline: it is reported beside it. So is what the headline would be if every guess were of another image of the same label:
    an attacker who comes to no more than that has read nothing but the label. Of a release that is made up, each own image is judged
    by the guess that is nearest to it, since none is its own, and chance is what real images of somebody else's would come to. Own images
    that the release does not stand for are no victims: of these nothing was told, and they would make the others' shares smaller. `again`
    numbers later audits, which leave what the first wrote. Raises ReleaseError where an attack has nothing to say about the release:
    nothing leaves unjudged by what the study asks for.
    Source: SPEC.md, section 8.
    """
    began = time.perf_counter()
    task = task.of_images(images_behind(exposed.method, task.train.labels, exposed.released))
    around = Surroundings.of(task, net)
    labels = task.train.labels
    raw = Exposed(RawFeatures(), RawFeaturesSharer(features), SharedFeatures(features(task.train.images), labels))
    floor = judged_once(
        around.folder_of("\x1f".join((FLOOR, around.digest, digest_of(task.train.images)))), functools.partial(_floor, task, net, around)
    )
    gallery = gallery_for(task) if _linkage(task) else None  # what has no gallery is refused before anybody is trained
    judge = Judge(task, net, around, exposed, raw, floor.disclosure)
    judged = [judge.judgement(attack) for attack in (ALWAYS_ASKED, *task.study.attacks) if isinstance(attack, Attack)]
    links = tuple(linked(attack, around, gallery, exposed, raw) for attack in _linkage(task)) if gallery is not None else ()
    inferences = tuple(inferred(attack, task, around, exposed, raw) for attack in task.study.attacks if isinstance(attack, AttributeAttack))
    alone = {one.attack.name: _headline(task, exposed, [one]) for one in judged}
    together = _together(task, exposed, judged)
    chance = _by_chance(task, judged) if isinstance(together, Headline) else None
    figures: dict[str, Mapping[str, float]] = {one.attack.name: _figures(one, alone[one.attack.name]) for one in judged}
    figures |= {link.name: link.figures for link in links}
    figures |= {one.name: one.means if task.judged_apart else one.figures for one in inferences}
    task.check_time()
    _show(task, exposed, judged, again)
    unpaired = is_unpaired(exposed.method)
    leakage = Leakage(
        study=task.study.name,
        seed=task.seed,
        campaign=task.campaign,
        entity=task.entity,
        method=exposed.method.name,
        images=len(task.train),
        own_images=len(around.own),
        mean=Fraction.of(together.mean) if isinstance(together, Headline) else None,
        p95=Fraction.of(together.p95) if isinstance(together, Headline) else None,
        chance=Chance(chance.mean.value, chance.p95.value) if chance is not None else None,
        reason=together if isinstance(together, str) else "",
        left_out=_left_out(together),
        attacks=tuple(
            attack_leak(one.attack, one.anchored, alone[one.attack.name], one.unlearnt, one.worst, one.seconds) for one in judged
        ),
        links=links,
        inferences=inferences,
        seconds=time.perf_counter() - began,
        unpaired=unpaired,
        proves=f"{PROVES} {OF_UNPAIRED}" if unpaired else PROVES,
    )
    leakage.write(task.site.leakage(task.campaign, repr(exposed.method), again))
    means = {key.removesuffix("_p"): value for key, value in floor.disclosure.figures("p").items() if key.endswith("_p")}
    signed = together.figures() if isinstance(together, Headline) else {}
    return Audit(figures, signed | (leakage.chance.figures() if leakage.chance is not None else {}), means, leakage)


def _linkage(task: EntityTask) -> list[LinkageAttack]:
    return [attack for attack in task.study.attacks if isinstance(attack, LinkageAttack)]


def _together(task: EntityTask, exposed: Exposed, judged: Sequence[Judgement]) -> Headline | str:
    """The headline, or why there is none.

    The public reconstructor, which a module is trained against, makes none alone, and neither does who was not meant for this method's
    releases and does no more than that: of encrypted images everybody who does not decrypt them. Of what is made up it may, under the
    name of whoever finds nothing to learn from: nothing was trained against it.
    """
    counted = [one for one in judged if not one.attack.level.sees_victim]
    others = [one for one in counted if one.attack is not ALWAYS_ASKED]
    if not any(is_meant_for(one.attack, exposed.method) for one in others):
        if others:
            return "nobody was asked who does more with releases of this method than everybody can (who decrypts images, for one)"
        return "nobody was asked but the public reconstructor, which a module is trained against"
    if not any_counts({one.attack.name: one.anchored for one in others}):
        return "nobody but the public reconstructor, which a module is trained against, was shown able to succeed"
    return _headline(task, exposed, counted)


def _by_chance(task: EntityTask, judged: Sequence[Judgement]) -> Headline | None:
    """What the headline would be if every guess were of another image (see regime/judging.py); None where that cannot be said."""
    others = {one.attack.name: one.chance for one in judged if one.chance is not None}
    try:
        return headline(others, task.stream("chance"), replicates=2) if others else None  # the fewest: its values are all that is wanted
    except MetricError:
        return None


def _left_out(together: Headline | str) -> Mapping[str, str]:
    """By attacker and score, why one does not count in the headline."""
    if isinstance(together, str):
        return {}
    return {f"{attacker} by {score}": reason for (attacker, score), reason in together.left_out.items()}


def _floor(task: EntityTask, net: SplitNet, around: Surroundings) -> Verdict:
    """What the labels alone tell of the own images."""
    guess = class_mean_guess(task.train.labels, around.own)
    # not the guess itself: it is made of the images of the attacking peer, and stays nowhere
    return Verdict(disclosure(as_floats(task.train.images), guess, net.featurizer, task.compute), guess.images[:0].clone())


def _headline(task: EntityTask, exposed: Exposed, judged: Sequence[Judgement]) -> Headline | str:
    """The most that any of these attackers disclosed, or why that cannot be said; resampled alike, whoever they are."""
    try:
        return headline({one.attack.name: one.anchored for one in judged}, task.stream("headline", repr(exposed.method)))
    except MetricError as err:
        return str(err)


def _figures(one: Judgement, alone: Headline | str) -> dict[str, float]:
    found = one.raw.disclosure.figures("z") | one.released.disclosure.figures("p")
    return found if isinstance(alone, str) else found | {"disclosed_p": alone.mean.value, "disclosed_p_p95": alone.p95.value}


def _show(task: EntityTask, exposed: Exposed, judged: Sequence[Judgement], again: int) -> None:
    pictures: dict[str, Tensor] = {"originals": as_floats(task.train.images[: task.study.pictures])}
    for one in judged:
        pictures |= one.pictures()
    write_tensors(task.site.pictures(task.campaign, repr(exposed.method), again), pictures)
