"""How long an image may live: when it came -> when it goes."""

from dataclasses import dataclass, fields
from typing import Self

from dpm_flower.core.errors import RetentionError, SettingError
from dpm_flower.core.hash_chain import Details

DAY_S = 24 * 3600
LATEST_S = 10**12 - 1  # twelve digits stand in a file's name: the year 33658


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Seconds that an image lives from its arrival on, and how long the first `warm_up_items` images live instead.

    Warm-up images train the convolutional layers, which are then frozen (SPEC.md, section 7).
    """

    ttl_s: int = DAY_S
    warm_up_ttl_s: int = 30 * DAY_S
    warm_up_items: int = 0

    def __post_init__(self) -> None:
        for name in ("ttl_s", "warm_up_ttl_s"):
            if not 1 <= getattr(self, name) <= LATEST_S:
                raise SettingError(f"{name} must be at least 1 second and at most {LATEST_S}, got {getattr(self, name)}")
        if self.warm_up_items < 0:
            raise SettingError(f"warm_up_items must be at least 0, got {self.warm_up_items}")
        if self.warm_up_ttl_s < self.ttl_s:
            raise SettingError(f"warm_up_ttl_s must not be below ttl_s, {self.ttl_s}, got {self.warm_up_ttl_s}")

    @classmethod
    def told(cls, details: Details) -> Self:
        """What a store's ledger tells of its policy, beside other things -> that policy. Raises RetentionError where it tells of none."""
        try:
            return cls(**{each.name: int(details[each.name]) for each in fields(cls)})
        except (KeyError, ValueError) as err:
            raise RetentionError(f"wanted a store that tells how long images live, got one that tells {dict(details)}") from err

    def expires_at(self, arrived_at: int, before: int) -> int:
        """When an image came (seconds since 1970 UTC) and how many had come to the store before it -> the second at which it goes.

        Raises SettingError for a time that no clock shows.
        """
        expires_at = arrived_at + (self.warm_up_ttl_s if before < self.warm_up_items else self.ttl_s)
        if arrived_at < 0 or expires_at > LATEST_S:
            raise SettingError(f"wanted an arrival in seconds since 1970 UTC, got {arrived_at}")
        return expires_at
