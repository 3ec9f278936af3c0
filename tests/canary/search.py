"""Markers and contents -> what of the markers is anywhere in them: of which kind, where, and in what form."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.canary.containers import CONTAINERS
from tests.canary.needles import Needles, cast
from tests.canary.text_forms import TEXT_FORMS
from tests.canary.unpacking import Content, Found, Unpacking, Values


class Marker(Protocol):
    """One kind of private thing, and how it is recognised."""

    kind: str  # what it is called in a finding
    needles: list[tuple[str, bytes]]  # forms, and the bytes that give them away

    def alike(self, values: Values) -> Iterator[str]:
        """Values -> in what forms it is in them, scaled or shifted or rounded."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """A marker where none may be."""

    kind: str
    where: str
    form: str


def search(contents: Iterable[Content], markers: Sequence[Marker]) -> list[Finding]:
    """Contents, opened layer by layer, and markers -> all findings, each once."""
    needles = Needles([((each.kind, form), needle) for each in markers for form, needle in each.needles])
    findings: dict[Finding, None] = {}
    for found in Unpacking((*CONTAINERS, *TEXT_FORMS))(contents):
        for kind, form in _forms(found, markers, needles):
            findings[Finding(kind, found.where, form)] = None
    return list(findings)


def _forms(found: Found, markers: Sequence[Marker], needles: Needles[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    if isinstance(found, Content):
        yield from needles.within(found.data)
        return
    for data in cast(found.values) if found.written else ():  # what is not written lies there as bytes, which were looked at
        yield from needles.within(data)
    yield from ((each.kind, form) for each in markers for form in each.alike(found))


def kinds(findings: Iterable[Finding]) -> set[str]:
    """The kinds among findings."""
    return {finding.kind for finding in findings}
