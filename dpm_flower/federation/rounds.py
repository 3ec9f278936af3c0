"""What the rounds of averaged arms came to: who spent what in each, and what the averages were worth to whoever evaluated them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dpm_flower.core.outcome import RoundFigures
from dpm_flower.federation.costs import total

Figures = Mapping[str, float]


@dataclass(slots=True, eq=False)
class Rounds:
    """Rounds are counted from 1. Costs are those of one round; `figures` sums them up."""

    _spent: dict[tuple[str, str], dict[int, Figures]] = field(default_factory=dict)  # arm, entity -> round -> costs
    _worth: dict[tuple[str, str], dict[int, Figures]] = field(default_factory=dict)  # arm, evaluator -> round -> quality

    def spend(self, arm: str, entity: str, number: int, costs: Figures) -> None:
        """Notes what one entity spent in one round."""
        self._spent.setdefault((arm, entity), {})[number] = dict(costs)

    def judge(self, arm: str, entity: str, number: int, quality: Figures) -> None:
        """Notes what this entity found a round's average to be worth."""
        self._worth.setdefault((arm, entity), {})[number] = dict(quality)

    def by_round(self, arm: str, entity: str) -> Mapping[int, Figures]:
        """What one entity spent in each round of an arm in which it spent anything."""
        return dict(self._spent.get((arm, entity), {}))

    def spent(self, arm: str, entity: str, until: int | None = None) -> dict[str, float]:
        """What one entity spent in all rounds, or in those up to `until`."""
        return total(costs for number, costs in self._spent.get((arm, entity), {}).items() if until is None or number <= until)

    def figures(self, arm: str, entity: str, rounds: int, before: Figures) -> tuple[RoundFigures, ...]:
        """One entity's figures after each of `rounds` rounds; `before` is what it had spent when the first one began."""
        worth = self._worth.get((arm, entity), {})
        return tuple(
            RoundFigures(number, worth.get(number, {}), total((before, self.spent(arm, entity, number)))) for number in range(1, rounds + 1)
        )
