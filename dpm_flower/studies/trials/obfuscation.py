"""What a protection of features leaves of the task, and what attackers who know more and more read from it: images and attributes."""

from dataclasses import dataclass

from torch import Tensor, nn

from dpm_flower.attacks.floor import mean_guess
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.streams import global_generator_from
from dpm_flower.metrics.disclosed_fraction import disclosed_fraction
from dpm_flower.metrics.mean_average_precision import MeanAveragePrecision, mean_average_precision
from dpm_flower.metrics.pixel_error import sign_aware_l1
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.studies.trials.attribute_scene import AttributeTask, Scene
from dpm_flower.studies.trials.protections import Protected, Protection
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier

TUNING = Fitting(steps=60, learning_rate=1e-3, batch_size=32, weight_decay=0.0)
USUAL_TASK = AttributeTask()
FROM_LABELS = Fitting(steps=300, learning_rate=1e-2)  # of a network of two small layers
HIDDEN = 64  # its units


@dataclass(frozen=True, slots=True, kw_only=True)
class Protecting:
    """One row: a protection, what it costs the task, and what four kinds of attackers get out of what leaves.

    All learn from the public images, and all are judged by test images, which nobody has learnt from. A0 has networks that were trained
    on raw features; A2 knows the recipe too, and fits the protection anew under a stream of its own; A3 tunes A2's reconstructor on
    `pairs` of the entity's images, by `tuning`; A4 may push its images through the very module, which is what sharing it with peers
    amounts to. Where there is no secret, A2 has the module, and is A4. Raises SettingError for knobs that cannot work.
    """

    name: str
    protection: Protection
    task: AttributeTask = USUAL_TASK
    pairs: int = 100
    tuning: Fitting = TUNING
    shown: int = 8

    def __post_init__(self) -> None:
        if self.pairs < 2 or self.shown < 1:
            raise SettingError(f"wanted at least 2 pairs and 1 picture shown, got {self.pairs} and {self.shown}")

    def run(self, ground: Ground) -> Found:
        """The scene, the protection on it, and all attackers -> mAP of both kinds of attributes, L1 and sign-aware SSIM of guesses.

        And the average precision of each attribute by its name: "utility_ap.Smiling", "privacy_ap_A0.Male".
        What share of SSIM was recovered is left out where the public reconstructor does not see more in raw features than the mean image.
        """
        scene = Scene.of(self.task, ground)
        victim = self.protection.fitted(scene, scene.own, "entity", ground.folder / "entity")
        left = victim.leaving(scene.test.images)
        useful = _mean(scene, victim.classifier, left, scene.useful(scene.test), scene.test.names[: self.task.utility])
        guesses, read = self._attacked(scene, victim, left)
        truth = as_floats(scene.test.images)
        floor = mean_guess(len(truth), scene.public.images).images
        ceiling = apply(scene.nets.reconstructor, scene.raw(scene.test), ground.compute)
        anchors = sign_aware_ssim(truth, floor), sign_aware_ssim(truth, ceiling)
        figures = {"utility_map": useful.mean, "utility_map_chance": useful.chance, "privacy_map_labels": _from_labels(scene).mean}
        figures |= {f"privacy_map_{who}": found.mean for who, found in read.items()} | {"privacy_map_chance": read["A0"].chance}
        figures |= {f"utility_ap.{name}": value for name, value in useful.by_attribute.items()}
        figures |= {f"privacy_ap_{who}.{name}": value for who, found in read.items() for name, value in found.by_attribute.items()}
        for who, guess in (guesses | {"floor": floor, "ceiling": ceiling}).items():
            alike = sign_aware_ssim(truth, guess)
            figures |= {f"ssim_{who}": float(alike.mean()), f"l1_{who}": float(sign_aware_l1(truth, guess).mean())}
            if who in guesses:
                figures |= {f"recovered_{who}": share for share in recovered(alike, *anchors)}
        return Found(figures, {name: images[: self.shown] for name, images in ({"images": truth} | guesses).items()})

    def _attacked(self, scene: Scene, victim: Protected, left: Tensor) -> tuple[dict[str, Tensor], dict[str, MeanAveragePrecision]]:
        """By attacker, guesses of the test images (N,3,H,W), and how well the private attributes are read."""
        ground, public, private = scene.ground, scene.public, scene.private(scene.public)
        raw, through = scene.raw(public), victim.leaving(public.images)
        inverses: dict[str, nn.Module] = {
            "A0": scene.nets.reconstructor,
            "A4": scene.inverse(through, public.images, ground.folder / "A4"),
        }
        readers = {
            "A0": scene.reader(raw, private, scene.common / "reader"),
            "A4": scene.reader(through, private, ground.folder / "reader A4"),
        }
        if self.protection.is_secret:
            shadow = self.protection.fitted(scene, public, "attacker", ground.folder / "shadow").leaving(public.images)
            inverses["A2"] = scene.inverse(shadow, public.images, ground.folder / "A2")
            leaked = scene.own.images[: self.pairs]
            inverses["A3"] = scene.tuned(inverses["A2"], victim.leaving(leaked), leaked, self.tuning, ground.folder / "A3")
            readers["A2"] = scene.reader(shadow, private, ground.folder / "reader A2")
        names = scene.test.names[self.task.utility :]
        guesses = {who: apply(inverses[who], left, ground.compute) for who in sorted(inverses)}
        return guesses, {who: _mean(scene, readers[who], left, scene.private(scene.test), names) for who in sorted(readers)}


def recovered(attack_N: Tensor, floor_N: Tensor, ceiling_N: Tensor) -> tuple[float, ...]:
    """Scores of the same images -> the share of what could be disclosed that was; nothing where raw features disclose nothing either."""
    shown = float(ceiling_N.double().mean()) > float(floor_N.double().mean())
    return (float(disclosed_fraction(attack_N, floor_N, ceiling_N).mean()),) if shown else ()


def _mean(scene: Scene, classifier: nn.Module, left: Tensor, truth: Tensor, names: tuple[str, ...]) -> MeanAveragePrecision:
    return mean_average_precision(apply(classifier, left, scene.ground.compute), truth, names)


def _from_labels(scene: Scene) -> MeanAveragePrecision:
    """How well the private attributes are read from the useful ones, which who needs the task has to know: a floor of every protection."""
    rng = scene.ground.stream("from labels")
    useful, private = scene.useful(scene.public).float(), scene.private(scene.public)
    with global_generator_from(rng):
        network = nn.Sequential(nn.Linear(useful.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, private.shape[1]))
    train_classifier(
        network, Examples(useful, private), FROM_LABELS, compute=scene.ground.compute, rng=rng, work="labels", report=scene.ground.report
    )
    return _mean(scene, network, scene.useful(scene.test).float(), scene.private(scene.test), scene.test.names[scene.task.utility :])
