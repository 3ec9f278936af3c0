"""How long and how fast a network is trained: the knobs of the one training loop."""

from dataclasses import dataclass
from typing import Literal

from dpm_flower.core.above_zero import check_above_zero
from dpm_flower.core.errors import SettingError

Schedule = Literal["one-cycle", "cosine", "warm-cosine"]
Augmentation = Literal["none", "shift", "shift-flip"]  # of raw images; released features are never augmented
Precision = Literal["auto", "float32", "bfloat16"]  # auto: bfloat16 where the device computes in it natively


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Gradient steps of AdamW. The budget is counted in steps, so that methods with more images get no more computing."""

    steps: int
    learning_rate: float
    batch_size: int = 64
    weight_decay: float = 5e-4
    schedule: Schedule = "one-cycle"
    clip_norm: float = 1.0
    max_epochs: int | None = None  # a set of a few images is not walked through more often than this
    patience: int | None = None  # stop after this many epochs without a better validation score

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 2)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} must be at least {least}, got {getattr(self, name)}")
        check_above_zero(learning_rate=self.learning_rate, clip_norm=self.clip_norm)
        if not self.weight_decay >= 0:
            raise SettingError(f"weight_decay must be >= 0, got {self.weight_decay}")
        if self.schedule not in ("one-cycle", "cosine", "warm-cosine"):
            raise SettingError(f'schedule must be "one-cycle", "cosine" or "warm-cosine", got {self.schedule!r}')
        for name in ("max_epochs", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} must be at least 1 or None, got {value}")

    def check_no_patience(self, work: str) -> None:
        """Raises SettingError for a patience, which does nothing in `work` without validation images: "an attacker is trained"."""
        if self.patience is not None:
            raise SettingError(f"{work} without validation images, so without patience, got {self.patience}")

    def steps_per_epoch(self, images: int) -> int:
        """Batches in one pass over `images` images; the last, smaller batch is left out unless it is the only one."""
        return max(1, images // self.batch_size)

    def steps_for(self, images: int) -> int:
        """Gradient steps taken on a set of `images` images: `steps`, or `max_epochs` passes where that is less."""
        if self.max_epochs is None:
            return self.steps
        return min(self.steps, self.max_epochs * self.steps_per_epoch(images))
