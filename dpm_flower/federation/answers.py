"""What the entities answered in one campaign: for each question the reply, or the reason why there is none."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from dpm_flower.federation import wire
from dpm_flower.federation.wire import Reply

Answer: TypeAlias = Reply | str


@dataclass(slots=True, eq=False)
class Answers:
    """By action, what was asked about (an arm's name, a method's number, nothing) and entity; a later answer replaces an earlier one."""

    _found: dict[tuple[str, str, str], Answer] = field(default_factory=dict)

    def put(self, action: str, about: str, entity: str, answer: Answer) -> None:
        """Notes an answer."""
        self._found[action, about, entity] = answer

    def get(self, action: str, about: str, entity: str) -> Answer | None:
        """The answer, or None where there is none yet."""
        return self._found.get((action, about, entity))

    def reply(self, action: str, about: str, entity: str) -> Reply | None:
        """The answer if it is a reply."""
        answer = self.get(action, about, entity)
        return answer if isinstance(answer, Reply) else None

    def failures(self, action: str) -> Iterator[tuple[str, str]]:
        """(entity, reason) of all that gave no reply to an action."""
        return ((entity, told) for (asked, _, entity), told in self._found.items() if asked == action and isinstance(told, str))

    def outcome(self, arm: str, entity: str) -> Answer | None:
        """What an arm came to for an entity: its evaluation; without one, why the step before it failed."""
        evaluated = self.get(wire.EVALUATE, arm, entity)
        if evaluated is not None:
            return evaluated
        told = (self.get(action, arm, entity) for action in (wire.REFINE, wire.REFINE_SHARED))
        return next((answer for answer in told if isinstance(answer, str)), None)
