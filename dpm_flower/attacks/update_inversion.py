"""U1: images that are changed step by step until their gradient points where a model update went."""

from dataclasses import dataclass
from typing import assert_never, get_args

import torch
from torch import Tensor

from dpm_flower.attacks.batch_statistics import statistics_mismatch, told_statistics, watched
from dpm_flower.attacks.gradient_matching import Steps, gradient_mismatch
from dpm_flower.attacks.inverse import reported_as, unusual
from dpm_flower.attacks.optimised import REPORT_STEPS, Pixels, total_variation
from dpm_flower.attacks.update_labels import inferred_labels
from dpm_flower.attacks.updated_part import UpdatedPart, part_of
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.level import Level
from dpm_flower.core.progress import Progress
from dpm_flower.core.protocols import AttackerView, AttackResult, Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.nets.batch_norms import norms_in_training
from dpm_flower.training.prediction import apply


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateInversion:
    """The attacker saw where the round began and one entity's update, and knows how many images that entity has.

    From random pixels, `steps` steps of Adam on the signs of the gradient (as published) turn the gradient of all guesses together
    towards the update, with `smoothness` times their total variation. Where batch norms tell what they were fed with, `statistics`
    times the mismatch with that is added: too many images have much the same gradient in a deep network. Local steps are not simulated:
    the update's direction stands for one gradient, well for one step, less the more there are; `local_steps` says what such a step
    moved by. `images` is the most that it guesses; of an update of more images these stand for all. What a few hundred steps came to is
    no proof of what an update hides: look at the ceiling beside it. Raises SettingError for knobs that cannot work.
    Source: SPEC.md, section 8, U1; Geiping et al., arXiv 2003.14053; for batch norms Yin et al., arXiv 2104.07586.
    """

    steps: int = 300
    learning_rate: float = 0.05
    smoothness: float = 0.2
    statistics: float = 10.0
    local_steps: Steps = "adam"
    images: int = 16

    def __post_init__(self) -> None:
        for name in ("steps", "images"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise SettingError(f"learning_rate must be > 0, got {self.learning_rate}")
        for name in ("smoothness", "statistics"):
            if not getattr(self, name) >= 0:
                raise SettingError(f"{name} must be >= 0, got {getattr(self, name)}")
        if self.local_steps not in get_args(Steps):
            raise SettingError(f"local_steps must be one of {', '.join(get_args(Steps))}, got {self.local_steps!r}")

    @property
    def name(self) -> str:
        """The level, and what differs from the usual setting: "U1", "U1.gradient.s600"."""
        heads = {"local_steps": "", "steps": "s", "learning_rate": "r", "smoothness": "tv", "statistics": "bn", "images": "n"}
        return ".".join((self.level.name, *unusual(self, heads)))

    @property
    def level(self) -> Level:
        """It sees one entity's update."""
        return Level.U1

    def prepare(self, view: AttackerView, rng: torch.Generator) -> "UpdateInverter":
        """There is nothing to learn before an update is seen. `view.net` are the networks as the round began, `view.own` images of the
        task; every update is met with the same random numbers.
        """
        return UpdateInverter(self, view, rng.get_state())


@dataclass(frozen=True, slots=True, eq=False)
class UpdateInverter:
    """The prepared attack: its knobs, what it knows, and the state of its random stream."""

    knobs: UpdateInversion
    view: AttackerView
    stream_state: Tensor

    def guess(self, release: SharedBatch) -> AttackResult:
        """A model update -> guesses of its images in no order (`guess_matching.in_order`), with labels that are inferred from it."""
        match release:
            case ModelUpdate():
                part = part_of(self.view.net, release, self.view.compute)
                count = min(release.samples, self.knobs.images)
                return self._inverted(part, inferred_labels(part, self._answers(part), count), release.samples)
            case SharedFeatures() | SharedImages():
                return NotApplicable("a release holds no model update; it is judged by the other attacks")
        assert_never(release)

    def invert(self, update: ModelUpdate, labels: Labels) -> Guess:
        """An update, and the labels (B,) of its images where the attacker knows them -> guesses (B,3,H,W), one for each label."""
        return self._inverted(part_of(self.view.net, update, self.view.compute), labels, update.samples)

    def _inverted(self, part: UpdatedPart, labels_B: Labels, samples: int) -> Guess:
        """Guesses for these labels.

        Batch norms work from the batch itself, as in local training, but for a single image that they tell nothing of.
        """
        knobs, compute, rng = self.knobs, self.view.compute, torch.Generator()
        rng.set_state(self.stream_state)
        told = told_statistics(part) if knobs.statistics else {}
        seen = watched(part.start, told)
        norms_in_training(part.start, training=samples > 1 or bool(told))
        side = self.view.public.images.shape[-1]
        pixels = Pixels(torch.rand(len(labels_B), 3, side, side, generator=rng))
        compute.place_module(pixels)
        optimiser = torch.optim.Adam(pixels.parameters(), lr=knobs.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, knobs.steps)
        labels, moved, report = labels_B.to(compute.device), part.moved, reported_as(knobs.name, self.view.report)
        for step in range(knobs.steps):
            optimiser.zero_grad(set_to_none=True)
            images = pixels()
            mismatch = gradient_mismatch(part.start, part.front(images), labels, moved, knobs.local_steps)
            unlike = knobs.statistics * statistics_mismatch(seen, told) + knobs.smoothness * total_variation(images).mean()
            (mismatch + unlike).backward()  # type: ignore[no-untyped-call]
            if pixels.values.grad is not None:
                pixels.values.grad.sign_()
            optimiser.step()
            schedule.step()
            if step % REPORT_STEPS == 0 or step + 1 == knobs.steps:
                report(Progress("images", step + 1, knobs.steps, 1, 1, float(mismatch.detach())))
        with torch.no_grad():
            return Guess(pixels().detach().float().cpu().contiguous())

    def _answers(self, part: UpdatedPart) -> Tensor:
        """The mean probabilities (K,) that the start gives to the attacker's own images. Raises SettingError where it has none."""
        if self.view.own is None:
            raise SettingError(f"wanted a view with the attacker's own images for {self.knobs.name}, got one without")
        inputs = apply(part.front, self.view.own.images, self.view.compute)
        return apply(part.start, inputs, self.view.compute).softmax(1).mean(0)
