"""A release of features with boxes, before it is kept: how near attackers come to its images."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from dpm_flower.attacks.boxed_chance import boxed_by_chance
from dpm_flower.attacks.boxed_floor import boxed_mean_guess
from dpm_flower.attacks.boxed_peer import BoxedPeer
from dpm_flower.attacks.boxed_scores import CEILING, FLOOR, OWN_CEILING, boxed_scores
from dpm_flower.attacks.headline import Anchored, Headline, any_counts, headline
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import MetricError
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.metrics.resampling import REPLICATES
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.regime.audit import SIGNED, SIGNED_LINKS
from dpm_flower.regime.boxed_linking import NEAREST, boxed_gallery, boxed_linked
from dpm_flower.regime.boxed_study import BoxedStudy
from dpm_flower.regime.day_task import DayTask
from dpm_flower.regime.inbox_boxes import StayingBoxes
from dpm_flower.regime.leakage import Chance
from dpm_flower.training.detection import through

GUESSING = ("A0", "A1", "A2")
ATTACKERS = (*GUESSING, NEAREST.name)
HEADLINES = tuple(f"{key}{end}" for key in ("headline_p", "headline_p_p95") for end in ("", "_low", "_high", "_chance"))
SIGNABLE = frozenset(  # what a policy can set a limit to
    (
        *HEADLINES,
        *(f"{who}.{key}" for who in GUESSING for key in SIGNED),
        *(f"{NEAREST.name}.{key}" for key in SIGNED_LINKS),
    )
)


def boxed_audit(
    task: DayTask, study: BoxedStudy, nets: DetectionNets, staying: StayingBoxes, truth: Boxed, released: SharedBoxes
) -> dict[str, float]:
    """A day's images, their release as a reader decodes it, and the images that stay -> what the manifest says of it.

    A0 is the public reconstructor, A1 an inverse of raw features, A2 fits the recipe anew and learns to undo that. The floor is what
    boxes and labels tell, which lie in the release in clear; the ceiling is A1 on the raw features, and A0 on these for A0. "headline_p"
    and its ends are of the worst of them by four scores of the whole image; unless A1 or A2 counts by one of these there is no headline:
    the module was trained against A0. Beside it stands what it would be if every guess were of another image with boxes much like those.
    L1 looks for each image among held-out ones. Nothing is told of what is inside the boxes alone. Raises DataError where all held-out
    images are among the day's: there is no gallery then. Source: SPEC.md, section 8.
    """
    known, raw = staying.known, through(nets.featurizer, truth.images, task.compute)
    gallery = boxed_gallery(truth, staying.held_out, task.stream("gallery", task.campaign))  # refused, if so, before anybody is trained
    asked = _asked(task, study, nets, known)
    anchors = {
        FLOOR: boxed_mean_guess(released.boxes, released.labels, known).images,
        CEILING: _guesses(asked["A1"], raw, task),
        OWN_CEILING: _guesses(asked["A0"], raw, task),
    }
    guesses = {who: _guesses(network, released.features, task) for who, network in asked.items()}
    found = boxed_scores(truth, guesses, anchors, nets.featurizer, task.compute)
    signed = {f"{who}.{key}": value for who in guesses for key, value in found.scores[who].figures("p").items() if key in SIGNED}
    for who, anchored in found.anchored.items():
        if (alone := _headline(task, {who: anchored})) is not None:
            signed |= {f"{who}.disclosed_p": alone.mean.value, f"{who}.disclosed_p_p95": alone.p95.value}
    others = {who: anchored for who, anchored in found.anchored.items() if who != "A0"}
    if any_counts(others) and (together := _headline(task, found.anchored)) is not None:
        chance = boxed_by_chance(found, truth, guesses, anchors[FLOOR], nets.featurizer, task.compute)
        signed |= together.figures() | _by_chance(task, chance)
    link = boxed_linked(gallery, released.features, raw, nets.featurizer, task.compute)
    signed |= {f"{link.name}.{key}": link.figures[key] for key in SIGNED_LINKS}
    return signed | {"attacker_images": float(len(known))}


def _asked(task: DayTask, study: BoxedStudy, nets: DetectionNets, known: Boxed) -> dict[str, nn.Module]:
    """By attacker its network from features to images."""
    inverse = study.inverse_for(len(known))
    peer = BoxedPeer(nets, known, inverse, task.compute, task.report, task.stream)
    other = replace(peer, inverse=replace(inverse, kind="residual"))  # the module was trained against plain ones
    folder = task.site.attacker(task.campaign, repr(study.method))
    return {
        "A0": nets.reconstructor,
        "A1": other.undoing(nn.Identity(), folder / "A1"),
        "A2": peer.shadow_inverse(study.method_for(len(known)), folder / "shadow", folder / "A2"),
    }


def _guesses(network: nn.Module, features_NChw: Tensor, task: DayTask) -> Tensor:
    return through(network, features_NChw, task.compute).clamp(0.0, 1.0)


def _by_chance(task: DayTask, anchored: Mapping[str, Anchored]) -> dict[str, float]:
    """What the headline would be by chance; nothing where that cannot be said."""
    found = _headline(task, anchored, replicates=2)  # the fewest: its values are all that is wanted
    return {} if found is None else Chance(found.mean.value, found.p95.value).figures()


def _headline(task: DayTask, anchored: Mapping[str, Anchored], replicates: int = REPLICATES) -> Headline | None:
    try:
        return headline(anchored, task.stream("headline", task.campaign), replicates)
    except MetricError:
        return None
