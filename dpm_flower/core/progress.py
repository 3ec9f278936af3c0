"""Progress as a value: lower floors report it through a callable and never talk to a user."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one piece of work stands: `step` of `steps` done, in epoch `epoch` of `epochs`, with the latest loss."""

    work: str  # for example "dpm", "decider", "reconstructor"
    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float


Report: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Reports to nobody."""
