"""Detection by two receivers who let each other learn: how well their detectors find things, and what a release tells the peer."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from dpm_flower.core.boxed import joined
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.nets.detector_split import DetectionDecider
from dpm_flower.regime.round import FIRST_ROUND, Round, round_fitting
from dpm_flower.studies.trials.averaged_rounds import averaged
from dpm_flower.studies.trials.detection_attacks import USUAL_ATTACKERS, DetectionAttackers
from dpm_flower.studies.trials.detection_release import check_recipe, fitted, released
from dpm_flower.studies.trials.detection_scene import RECEIVERS, DetectionTask, Scene
from dpm_flower.training.detection import BoxedExamples, train_detector

USUAL_TASK = DetectionTask()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOnly:
    """Nothing is shared: each receiver has the better, on validation images, of the decider as received and refined on own features."""

    name: str
    task: DetectionTask = USUAL_TASK

    def run(self, ground: Ground) -> Found:
        """-> figures of quality, see `quality`."""
        scene = Scene.of(self.task, ground)
        return Found(quality(scene, own_deciders(scene)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """All raw images in one place, the lead's too: its whole detector is trained on, for as many steps as a decider is refined."""

    name: str
    task: DetectionTask = USUAL_TASK

    def run(self, ground: Ground) -> Found:
        """-> "map50" and "map50_95" of that one detector."""
        scene = Scene.of(self.task, ground)
        everything = BoxedExamples.of(joined([scene.lead, *scene.receivers.values()]))
        whole = copy.deepcopy(scene.nets.whole_network()).requires_grad_(True)
        scene.detecting(whole, everything, self.task.refine, ground.stream("pooled"), ground.folder / "pooled", flip=True)
        found = scene.precision(whole.decider, scene.through(whole.featurizer, scene.test.images), scene.test)
        return Found({"map50": found.map50, "map50_95": found.map50_95})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Each receiver refines its decider on own raw features and on what the other released: by `method`, or raw ones (None).

    `attackers` are asked about what the first released. Raises SettingError for a method with parts that detection has no use for.
    """

    name: str
    method: DeepPoisoning | None
    task: DetectionTask = USUAL_TASK
    attackers: DetectionAttackers = USUAL_ATTACKERS

    def __post_init__(self) -> None:
        check_recipe(self.method)

    def run(self, ground: Ground) -> Found:
        """-> figures of quality, "map50_p" of the decider as received on released test features, "sent_bytes", and what attackers got.

        "map50_p" and "sent_bytes" are means over both receivers.
        """
        scene, folder = Scene.of(self.task, ground), ground.folder
        parts = scene.receivers
        modules = {owner: fitted(scene, self.method, part, owner, folder / f"module {owner}") for owner, part in parts.items()}
        releases = {owner: released(scene, modules[owner], part) for owner, part in parts.items()}
        deciders = {}
        for owner, peer in zip(RECEIVERS, reversed(RECEIVERS), strict=True):
            own = BoxedExamples.of(parts[owner], scene.raw(parts[owner].images))
            deciders[owner] = scene.refined(own.with_more(releases[peer].examples), owner, folder / f"decider {owner}")
        test = scene.raw(scene.test.images)
        on_released = [scene.precision(scene.nets.decider, scene.through(module, test), scene.test).map50 for module in modules.values()]
        figures = quality(scene, deciders) | {
            "map50_p": fmean(on_released),
            "sent_bytes": fmean(float(release.size_bytes) for release in releases.values()),
        }
        told = self.attackers.asked(scene, self.method, modules[RECEIVERS[0]], releases[RECEIVERS[0]])
        return Found(figures | dict(told.figures), told.pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedDeciders:
    """Federated averaging of the receivers' deciders over `rounds`, which together take the steps of one refinement."""

    name: str
    rounds: int = 5
    task: DetectionTask = USUAL_TASK

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise SettingError(f"rounds must be at least 1, got {self.rounds}")

    def run(self, ground: Ground) -> Found:
        """-> figures of quality, and "sent_bytes", those of all updates that a receiver sends."""
        scene = Scene.of(self.task, ground)
        decider = averaged_decider(scene, self.rounds)
        sent = self.rounds * sum(tensor.numel() * tensor.element_size() for tensor in decider.state_dict().values())
        return Found(quality(scene, dict.fromkeys(RECEIVERS, decider)) | {"sent_bytes": float(sent)})


def averaged_decider(scene: Scene, rounds: int) -> DetectionDecider:
    """The decider that all rounds come to, weighted by images. Source: arXiv 1602.05629, algorithm 1, with AdamW for SGD."""
    average = copy.deepcopy(scene.nets.decider)
    raw = {owner: BoxedExamples.of(part, scene.raw(part.images)) for owner, part in scene.receivers.items()}
    for number in range(FIRST_ROUND, FIRST_ROUND + rounds):
        updates = []
        for owner, examples in raw.items():
            decider = copy.deepcopy(average).requires_grad_(True)
            if part := round_fitting(scene.task.refine, Round(number, rounds), len(examples.inputs)):
                train_detector(
                    decider,
                    examples,
                    part.fitting,
                    compute=scene.ground.compute,
                    rng=scene.ground.stream("averaging", owner, str(number)),
                    work="decider",
                    report=scene.ground.report,
                    stretch=part.stretch,
                )
            updates.append(ModelUpdate(decider.state_dict(), len(examples.inputs)))
        average.load_state_dict(averaged(updates))
    return average


def own_deciders(scene: Scene) -> dict[str, DetectionDecider]:
    """By receiver the better, on validation images, of the decider as received and refined on own features."""
    validation, received, best = scene.raw(scene.validation.images), scene.nets.decider, {}
    before = scene.precision(received, validation, scene.validation).map50
    for owner, part in scene.receivers.items():
        examples = BoxedExamples.of(part, scene.raw(part.images))
        refined = scene.refined(examples, owner, scene.ground.folder / f"decider {owner}")
        best[owner] = refined if scene.precision(refined, validation, scene.validation).map50 > before else received
    return best


def quality(scene: Scene, deciders: Mapping[str, DetectionDecider]) -> dict[str, float]:
    """By receiver its decider -> mean average precision on raw test features, in [0,1]: means over receivers by "map50" and "map50_95".

    "map50_a" and "map50_b" are single receivers'; "map50_z" is that of the decider as received.
    """
    test = scene.raw(scene.test.images)
    found = {owner: scene.precision(decider, test, scene.test) for owner, decider in deciders.items()}
    return {
        "map50": fmean(one.map50 for one in found.values()),
        "map50_95": fmean(one.map50_95 for one in found.values()),
        "map50_z": scene.precision(scene.nets.decider, test, scene.test).map50,
        **{f"map50_{owner}": one.map50 for owner, one in found.items()},
    }
