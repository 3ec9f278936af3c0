"""A6: images that are changed step by step until the public featurizer makes of them what was released."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.attacks.feature_inversion import by_features
from dpm_flower.attacks.inverse import reported_as, unusual
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.level import Level
from dpm_flower.core.progress import Progress, Report
from dpm_flower.core.protocols import AttackerView, AttackResult, Guess
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedBatch
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.reconstructor import Reconstructor
from dpm_flower.nets.tracing import in_mode

Canvas: TypeAlias = Literal["reconstruction", "grey", "network"]
BATCH = 64  # images that are changed at a time: a CPU gains nothing from more, and a network has to draw all of them
CODE_CHANNELS = 32  # of a network's random input, which is as large as the features
REPORT_STEPS = 10  # reading the loss makes a GPU wait; ten steps hide that
LEAST_NORM = 1e-6  # of features: those that are all zero have no direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimised:
    """The attacker learns nothing and needs no image: it follows the gradient of F, `steps` steps of Adam for each image.

    What it minimises is how far an image's features are from the released ones, squared and relative to their size, plus one minus
    the cosine between both, plus `smoothness` times the image's total variation: many images have the same features, and a picture
    is a smooth one. `canvas` says what is changed: pixels, from what the public reconstructor makes of the release or from grey; or
    the weights of an untrained network, one for each batch, that draws the images from random numbers, since such a network finds
    it hard to draw anything but pictures. It takes a quarter of a second for an image, so that it is judged by `images` of a release.
    Raises SettingError for knobs that cannot work. Source: SPEC.md, section 8, A6; Mahendran and Vedaldi, arXiv 1412.0035; for the
    network Ulyanov et al., arXiv 1711.10925.
    """

    canvas: Canvas = "reconstruction"
    steps: int = 100
    learning_rate: float = 0.02
    smoothness: float = 0.2
    images: int = 256

    def __post_init__(self) -> None:
        if self.canvas not in get_args(Canvas):
            raise SettingError(f"canvas must be one of {', '.join(get_args(Canvas))}, got {self.canvas!r}")
        if self.steps < 1:
            raise SettingError(f"steps must be at least 1, got {self.steps}")
        if self.images < 2:
            raise SettingError(f"images must be at least 2, got {self.images}")
        if not self.learning_rate > 0:
            raise SettingError(f"learning_rate must be > 0, got {self.learning_rate}")
        if not self.smoothness >= 0:
            raise SettingError(f"smoothness must be >= 0, got {self.smoothness}")

    @property
    def name(self) -> str:
        """The level, and what differs from the usual setting: "A6", "A6.network.s300", "A6.r0_05.tv0"."""
        heads = {"canvas": "", "steps": "s", "learning_rate": "r", "smoothness": "tv", "images": "n"}
        return ".".join((self.level.name, *unusual(self, heads)))

    @property
    def most_images(self) -> int:
        """By how many images of a release it is judged at most."""
        return self.images

    @property
    def level(self) -> Level:
        """It knows the featurizer, and has patience."""
        return Level.A6

    def prepare(self, view: AttackerView, rng: torch.Generator) -> "Optimiser":
        """There is nothing to learn before a release is seen; every release is met with the same random numbers."""
        return Optimiser(self, view.net, view.public.images.shape[-1], view.compute, reported_as(self.name, view.report), rng.get_state())


@dataclass(frozen=True, slots=True, eq=False)
class Optimiser:
    """The prepared attack: its knobs, the public networks, the images' side in pixels, and the state of its random stream."""

    knobs: Optimised
    net: SplitNet
    side: int
    compute: Compute
    report: Report
    stream_state: Tensor

    def guess(self, release: SharedBatch) -> AttackResult:
        """Released features (N,C,h,w) -> guesses (N,3,H,W), batch after batch; released images are their own guess."""
        return by_features(release, lambda shared: Guess(self._images(shared.features)))

    def _images(self, features_NChw: Tensor) -> Tensor:
        rng = torch.Generator()
        rng.set_state(self.stream_state)
        batches = torch.split(features_NChw, BATCH)
        with in_mode(self.net.featurizer, training=False):
            return torch.cat([self._batch(batch, rng, number, len(batches)) for number, batch in enumerate(batches)])

    def _batch(self, features_BChw: Tensor, rng: torch.Generator, number: int, batches: int) -> Tensor:
        """Released features (B,C,h,w) -> the images (B,3,H,W) whose features they are; `number` of `batches`, for the report."""
        wanted, knobs = self.compute.place(features_BChw).float(), self.knobs
        canvas = self.compute.place_module(self._canvas(wanted, rng)).train()
        optimiser = torch.optim.Adam(canvas.parameters(), lr=knobs.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, knobs.steps)
        for step in range(knobs.steps):
            optimiser.zero_grad(set_to_none=True)
            images = canvas()
            losses = mismatch(self.net.featurizer(images), wanted) + knobs.smoothness * total_variation(images)
            losses.sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if step % REPORT_STEPS == 0 or step + 1 == knobs.steps:
                at = number * knobs.steps + step + 1
                self.report(Progress("images", at, batches * knobs.steps, number + 1, batches, float(losses.detach().mean())))
        with torch.no_grad():
            guesses: Tensor = canvas()
        return guesses.detach().float().cpu().contiguous()  # pixels are parameters

    def _canvas(self, wanted_BChw: Tensor, rng: torch.Generator) -> nn.Module:
        match self.knobs.canvas:
            case "reconstruction":
                with torch.no_grad(), in_mode(self.net.reconstructor, training=False):
                    return Pixels(self.net.reconstructor(wanted_BChw))
            case "grey":
                return Pixels(torch.full((len(wanted_BChw), 3, self.side, self.side), 0.5))
            case "network":
                return Drawn(len(wanted_BChw), (wanted_BChw.shape[2], wanted_BChw.shape[3]), self.side, child_stream(rng))
        assert_never(self.knobs.canvas)


class Pixels(nn.Module):
    """Images (B,3,H,W) whose pixels themselves are the parameters; those outside [0,1] count as the nearest that can be shown."""

    def __init__(self, images_B3HW: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(images_B3HW.clone())

    def forward(self) -> Tensor:
        """The images (B,3,H,W) in [0,1]."""
        with torch.no_grad():
            self.values.clamp_(0.0, 1.0)  # and not in what is differentiated: there is no gradient outside
        return self.values


class Drawn(nn.Module):
    """Images (B,3,H,W) that a fresh network makes of random numbers, which stay as they are; its weights are the parameters."""

    def __init__(self, images: int, grid: tuple[int, int], side: int, rng: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("code", torch.randn(images, CODE_CHANNELS, *grid, generator=rng))
        with global_generator_from(rng):
            self.network = Reconstructor((CODE_CHANNELS, *grid), side)

    def forward(self) -> Tensor:
        """The images (B,3,H,W) in [0,1]."""
        images: Tensor = self.network(self.code)
        return images


def mismatch(features_BChw: Tensor, wanted_BChw: Tensor) -> Tensor:
    """Features and those that are wanted, both (B,C,h,w) -> how badly they match (B,); 0 = equal.

    The squared distance relative to the wanted ones' square, plus one minus the cosine between both.
    """
    got, wanted = features_BChw.flatten(1), wanted_BChw.flatten(1)
    distance = (got - wanted).square().sum(1) / wanted.square().sum(1).clamp_min(LEAST_NORM**2)
    return distance + 1.0 - functional.cosine_similarity(got, wanted, dim=1, eps=LEAST_NORM)


def total_variation(images_BCHW: Tensor) -> Tensor:
    """Images (B,C,H,W) -> how much neighbouring pixels differ (B,): the mean down plus the mean across."""
    down = (images_BCHW[:, :, 1:] - images_BCHW[:, :, :-1]).abs().mean((1, 2, 3))
    across = (images_BCHW[:, :, :, 1:] - images_BCHW[:, :, :, :-1]).abs().mean((1, 2, 3))
    return down + across
