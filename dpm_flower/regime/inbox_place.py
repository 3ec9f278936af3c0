"""The section [inbox] of a site file: where each day's labelled images go, how long they may live, and what is learnt from them."""

import re
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import SettingError
from dpm_flower.core.study import LEAST_SIDE
from dpm_flower.data.retention.policy import DAY_S, RetentionPolicy
from dpm_flower.data.retention.rejected import REJECTED
from dpm_flower.payload.rules import shown

CLASSIFICATION, DETECTION = "classification", "detection"
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
LEAST_RESERVE_S = 60  # work on images ends a minute before their time: between two looks at the clock lie ten steps of a training
LEAST_WARM_UP = 2  # images: batch statistics need two


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPlace:
    """A retention store, the classes of the images, which are folders in the inbox, in the order of their numbers, and the learner.

    An image lives `ttl_s` seconds from when it came; where there is no file of `networks` (the tensors of a lead's broadcast, as a site
    keeps them in nets.safetensors), the first `warm_up` images live `warm_up_ttl_s`, and a `backbone` for images of `side` pixels, cut
    at a `hook`, is trained on them. At `day_ends` ("18:00", UTC) a day's images become a release; those whose time is over within
    `reserve_s` are left out, since the work takes its time. Every `refine_every` days the decider is refined. Releases are kept for
    `kept_ttl_s`. A file that cannot be used waits for `grace_s`, since it may be half written or come before its annotation.

    With the `task` "detection" a detector learns to find things: the classes name what is in boxes, and one is enough. Images are
    resized to `height` and `width`, whatever their proportions, or without them to squares of `side`; the `backbone` is a thin
    ResNet's, "resnet8" or deeper, and `networks` are those that another such inbox has trained, its networks.safetensors.
    """

    store: Path
    classes: tuple[str, ...]
    task: str = CLASSIFICATION
    ttl_s: int = DAY_S
    networks: Path | None = None
    warm_up: int = 0
    warm_up_ttl_s: int = 30 * DAY_S
    backbone: str = "resnet20"
    hook: str = "conv3_1"
    side: int = 32
    height: int = 0
    width: int = 0
    day_ends: str = "00:00"
    reserve_s: int = 1800
    refine_every: int = 1
    kept_ttl_s: int = 365 * DAY_S
    grace_s: int = 60

    def __post_init__(self) -> None:
        self._check_task()
        self._check_classes()
        _ = self.policy
        if (self.networks is None) != (self.warm_up >= LEAST_WARM_UP):
            raise SettingError(
                f"wanted either networks or at least {LEAST_WARM_UP} images as warm_up, got "
                f"{'no networks' if self.networks is None else 'networks'} and {self.warm_up}"
            )
        if not TIME_OF_DAY.fullmatch(self.day_ends):
            raise SettingError(f'day_ends is a time of day in UTC, "00:00" to "23:59", got {shown(self.day_ends)}')
        if not LEAST_RESERVE_S <= self.reserve_s < self.ttl_s:
            raise SettingError(f"reserve_s must be at least {LEAST_RESERVE_S} and below ttl_s, {self.ttl_s}, got {self.reserve_s}")
        for name, least in (("side", LEAST_SIDE), ("refine_every", 1), ("kept_ttl_s", 1), ("grace_s", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @property
    def policy(self) -> RetentionPolicy:
        """How long images live. Raises SettingError for times that cannot be."""
        warm_up_ttl_s = self.warm_up_ttl_s if self.warm_up else self.ttl_s
        return RetentionPolicy(ttl_s=self.ttl_s, warm_up_ttl_s=warm_up_ttl_s, warm_up_items=self.warm_up)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, pixels."""
        return self.height or self.side, self.width or self.side

    def last_end(self, now: int) -> int:
        """Seconds since 1970 UTC -> when the last day ended before that, or right then."""
        hours, minutes = map(int, self.day_ends.split(":"))
        offset_s = (hours * 60 + minutes) * 60
        return (now - offset_s) // DAY_S * DAY_S + offset_s

    def _check_task(self) -> None:
        if self.task not in (CLASSIFICATION, DETECTION):
            raise SettingError(f'task must be "{CLASSIFICATION}" or "{DETECTION}", got {shown(self.task)}')
        if (self.height > 0) != (self.width > 0) or min(self.height, self.width) < 0:
            raise SettingError(f"wanted height and width, or neither, got {self.height} and {self.width}")
        if self.height and self.task != DETECTION:
            raise SettingError(f"images of {self.task} are squares of side pixels, got height {self.height} and width {self.width}")

    def _check_classes(self) -> None:
        least = 1 if self.task == DETECTION else 2
        if len(self.classes) < least or len(set(self.classes)) != len(self.classes):
            raise SettingError(f"classes must be at least {least} different names, got {shown(self.classes)}")
        if self.task == DETECTION:
            if not all(map(str.strip, self.classes)):
                raise SettingError(f"wanted what names a class of things, got {shown(self.classes)}")
            return
        for name in self.classes:
            if not name or name.startswith(".") or "/" in name or "\0" in name or name == REJECTED:
                raise SettingError(f"a class is the name of a folder in the inbox, not hidden and not {REJECTED!r}, got {shown(name)}")
