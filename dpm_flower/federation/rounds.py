"""What the rounds of averaged arms came to: who spent what, what the averages were worth, and whose updates did not count in full."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dpm_flower.core.outcome import RoundFigures
from dpm_flower.federation.costs import total

Figures = Mapping[str, float]


@dataclass(slots=True, eq=False)
class Rounds:
    """Rounds are counted from 1. Costs are those of one round; `figures` sums them up."""

    _spent: dict[tuple[str, str], dict[int, Figures]] = field(default_factory=dict)  # arm, entity -> round -> costs
    _worth: dict[tuple[str, str], dict[int, Figures]] = field(default_factory=dict)  # arm, evaluator -> round -> quality
    _noted: dict[str, dict[tuple[str, str], set[int]]] = field(default_factory=dict)  # arm -> entity, what became of it -> rounds

    def spend(self, arm: str, entity: str, number: int, costs: Figures) -> None:
        """Notes what one entity spent in one round."""
        self._spent.setdefault((arm, entity), {})[number] = dict(costs)

    def judge(self, arm: str, entity: str, number: int, quality: Figures) -> None:
        """Notes what this entity found a round's average to be worth."""
        self._worth.setdefault((arm, entity), {})[number] = dict(quality)

    def note(self, arm: str, entity: str, number: int, told: str) -> None:
        """Notes what became of an update that a round's average is without, or has in part."""
        self._noted.setdefault(arm, {}).setdefault((entity, told), set()).add(number)

    def notes(self, arm: str) -> Iterator[tuple[int, str, str]]:
        """(round, entity, what became of its update) of all that was noted about an arm."""
        return ((number, entity, told) for (entity, told), numbers in self._noted.get(arm, {}).items() for number in sorted(numbers))

    def remark(self, arm: str) -> str:
        """All that was noted about an arm, in words; empty where every update counted in full."""
        noted = sorted(self._noted.get(arm, {}).items())
        return "; ".join(f"the update of {entity} {told} ({_spans(numbers)})" for (entity, told), numbers in noted)

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


def _spans(numbers: Iterable[int]) -> str:
    """{1, 2, 3, 5} -> "rounds 1-3, 5"."""
    spans: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    words = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
    return f"round {words}" if words.isdecimal() else f"rounds {words}"
