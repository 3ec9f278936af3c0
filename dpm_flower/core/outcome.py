"""What one arm came to for one entity under one seed: figures, costs, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, slots=True)
class RoundFigures:
    """Where an arm stood after one round of averaging, counted from 1, as one entity saw it.

    `quality` is that of the average by then, ``top1`` and ``validation_top1``, where this entity was asked for it; `costs` are
    this entity's so far, from the beginning of the arm.
    """

    number: int
    quality: Mapping[str, float]
    costs: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One cell of a study. Quality figures depend on data, settings and seed only; costs on the machine as well.

    Quality keys in use: ``top1`` and ``validation_top1`` of the refined decider (shares in [0,1]), and its ``compactness`` (how wide
    classes are for the distance between them, lower is better). Of a release, ending in ``_z`` for raw features and in ``_p`` for what is
    shared: ``top1`` (held-out images through the decider as received) and, of what the public reconstructor makes of the released
    images, means over them of ``ssim`` (picture or negative, whichever is nearer), ``windowed_ssim`` (the same window by window, the
    stricter one), ``structure`` (the share explained, in [0,1], whatever brightness and contrast), ``edge`` (how alike outlines are, about
    0 = unrelated, whatever brightness and contrast), ``perceptual`` (how alike the public featurizer finds them; unrelated images lie
    far above 0), ``l1`` (in [0,0.5]) and ``psnr`` (dB, at most 100), these three for picture or negative as well; ``ssim_p_p95`` and
    so on are 95th percentiles of the first five. ``disclosed_p`` is its disclosed fraction by the score that is worst, ``headline_p`` the
    greatest of all attackers who have no more of the victim than its release, both with ``_p95``; ``floor.ssim`` and so on are what the
    label alone tells. A study's attack heads its own with its name: ``A1.residual-2-x4.ssim_p``. Tasks of
    more than 5 classes have ``top5``, ``validation_top5``, ``top5_z``, ``top5_p``. A release behind a perturbation has its
    ``perturbation_strength`` (in its own units) and ``perturbation_drop`` (of the accuracy above chance, on validation images), with
    ``perturbation_drop_wanted`` where that was set.
    Cost keys: ``seconds`` (this entity's computing, by the clock) and ``cpu_seconds`` (of processors: other work on the machine does
    not lengthen them), the same of a release's audit, ``audit_seconds`` and ``audit_cpu_seconds``, which the former leave out,
    ``bytes_sent`` (a release counts once, however many fetch it; an update each time that it is sent) and ``memory_bytes`` (the most
    that was resident in the process while it answered one message of this entity).
    `correct` (M,) bool says which of the common test images were answered rightly, for bootstrap intervals; None where there is
    no common test set.
    """

    seed: int
    arm: str
    entity: str
    quality: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    correct: Tensor | None = None
    reason: str = ""  # not empty: why this cell has no figures
    remark: str = ""  # what a reader of its figures must know: whose releases it went without
    rounds: tuple[RoundFigures, ...] = ()  # of arms that average, in order; the last one ends in the figures above
