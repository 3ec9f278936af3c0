"""Two trials that take no time, one that fails, and what is computed across them."""

from dataclasses import dataclass

import torch

from dpm_flower.core.comparison import ComparedFigure, Comparison, Figures, Found, Ground
from dpm_flower.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Drawn:
    """Draws one number per seed, and counts in a file how often it was run."""

    name: str
    shift: float = 0.0

    def run(self, ground: Ground) -> Found:
        """A number, a picture and a curve."""
        with (ground.common / "log").open("a") as log:
            log.write(f"{self.name}\n")
        value = self.shift + float(torch.rand(1, generator=ground.stream("number")))
        return Found(
            {"value": value, "shift": self.shift},
            {"white": torch.ones(3, 1, 8, 8), "black": torch.zeros(3, 3, 8, 8)},
            {"value by day": ((0.0, 0.0), (1.0, value))},
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A trial that cannot be run."""

    name: str = "refused"

    def run(self, ground: Ground) -> Found:
        """Nothing."""
        raise DataError(f"wanted data that there is, got {ground.data!r}")


def difference(figures: Figures) -> tuple[str, ...]:
    """The two trials' difference under seed 0."""
    return (f"b lies {figures['line: b', 0]['value'] - figures['line: a', 0]['value']:.1f} above a",)


COLUMNS = (ComparedFigure(key="value", head="value", unit="%", scale=100.0, digits=1), ComparedFigure(key="shift", head="shift"))
COMPARISON = Comparison(
    name="small-comparison",
    trials=(Drawn("line: a"), Drawn("line: b", 2.0)),
    columns=COLUMNS,
    data="digits",
    seeds=(0, 1),
    chart=("shift", "value"),
    conclude=difference,
)
