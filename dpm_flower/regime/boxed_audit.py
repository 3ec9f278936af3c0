"""A release of features with boxes, before it is kept: how near attackers come to its images."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from dpm_flower.attacks.boxed_floor import boxed_mean_guess
from dpm_flower.attacks.boxed_peer import BoxedPeer
from dpm_flower.attacks.boxed_scores import CEILING, FLOOR, OWN_CEILING, boxed_scores
from dpm_flower.attacks.headline import Anchored, Headline, any_counts, headline
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import MetricError
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.regime.audit import SIGNED
from dpm_flower.regime.boxed_study import BoxedStudy
from dpm_flower.regime.day_task import DayTask
from dpm_flower.training.detection import through

ATTACKERS = ("A0", "A1", "A2")
HEADLINES = tuple(f"{key}{end}" for key in ("headline_p", "headline_p_p95") for end in ("", "_low", "_high"))
SIGNABLE = frozenset((*HEADLINES, *(f"{who}.{key}" for who in ATTACKERS for key in SIGNED)))  # what a policy can set a limit to


def boxed_audit(
    task: DayTask, study: BoxedStudy, nets: DetectionNets, known: Boxed, truth: Boxed, released: SharedBoxes
) -> dict[str, float]:
    """A day's images, their release as a reader decodes it, and the images that the attacking peer owns -> what the manifest says of it.

    A0 is the public reconstructor, A1 an inverse of raw features, A2 fits the recipe anew and learns to undo that. The floor is what
    boxes and labels tell, which lie in the release in clear; the ceiling is A1 on the raw features, and A0 on these for A0. "headline_p"
    and its ends are of the worst of them by four scores of the whole image; unless A1 or A2 counts by one of these there is no headline:
    the module was trained against A0. Nothing is told of what is inside the boxes alone. Source: SPEC.md, section 8.
    """
    inverse = study.inverse_for(len(known))
    peer = BoxedPeer(nets, known, inverse, task.compute, task.report, task.stream)
    other = replace(peer, inverse=replace(inverse, kind="residual"))  # the module was trained against plain ones
    folder = task.site.attacker(task.campaign, repr(study.method))
    raw_inverse = other.undoing(nn.Identity(), folder / "A1")
    asked = {
        "A0": nets.reconstructor,
        "A1": raw_inverse,
        "A2": peer.shadow_inverse(study.method_for(len(known)), folder / "shadow", folder / "A2"),
    }
    raw = through(nets.featurizer, truth.images, task.compute)
    anchors = {
        FLOOR: boxed_mean_guess(released.boxes, released.labels, known).images,
        CEILING: _guesses(raw_inverse, raw, task),
        OWN_CEILING: _guesses(nets.reconstructor, raw, task),
    }
    guesses = {who: _guesses(network, released.features, task) for who, network in asked.items()}
    found = boxed_scores(truth, guesses, anchors, nets.featurizer, task.compute)
    signed = {f"{who}.{key}": value for who in guesses for key, value in found.scores[who].figures("p").items() if key in SIGNED}
    for who, anchored in found.anchored.items():
        if (alone := _headline(task, {who: anchored})) is not None:
            signed |= {f"{who}.disclosed_p": alone.mean.value, f"{who}.disclosed_p_p95": alone.p95.value}
    others = {who: anchored for who, anchored in found.anchored.items() if who != "A0"}
    together = _headline(task, found.anchored) if any_counts(others) else None
    return signed | (together.figures() if together is not None else {}) | {"attacker_images": float(len(known))}


def _guesses(network: nn.Module, features_NChw: Tensor, task: DayTask) -> Tensor:
    return through(network, features_NChw, task.compute).clamp(0.0, 1.0)


def _headline(task: DayTask, anchored: Mapping[str, Anchored]) -> Headline | None:
    try:
        return headline(anchored, task.stream("headline", task.campaign))
    except MetricError:
        return None
