"""What one arm came to for one entity under one seed: figures, costs, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One cell of a study. Quality figures depend on data, settings and seed only; costs on the machine as well.

    Quality keys in use: ``top1`` and ``validation_top1`` of the refined decider (shares in [0,1]); of a release ``top1_z``,
    ``top1_p`` (held-out images through the decider as received), ``ssim_z``, ``ssim_p`` (sign-aware SSIM of the public
    reconstructor). Cost keys: ``seconds`` (this entity's computing), ``bytes_sent``. `correct` (M,) bool says which of the
    common test images were answered rightly, for bootstrap intervals; None where there is no common test set.
    """

    seed: int
    arm: str
    entity: str
    quality: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    correct: Tensor | None = None
    reason: str = ""  # not empty: why this cell has no figures
    remark: str = ""  # what a reader of its figures must know: whose releases it went without
