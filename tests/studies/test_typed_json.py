from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import pytest

from dpm_flower.core.errors import StudyError
from dpm_flower.studies.typed_json import built


@dataclass(frozen=True)
class Part:
    size: float
    note: str | None = None


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    names: Mapping[str, int]
    numbers: tuple[int, ...] = field(default=())


WHOLE = Whole((Part(1.5), Part(2.0, "x")), {"a": 1}, (3, 4))


def test_a_value_is_built_again():
    assert built(Whole, asdict(WHOLE) | {"parts": [asdict(part) for part in WHOLE.parts], "numbers": [3, 4]}) == WHOLE


def test_a_whole_number_will_do_for_a_float():
    assert built(Part, {"size": 2}) == Part(2.0)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ([], "got list"),
        ({}, "size"),
        ({"size": 1.0, "more": 1}, "more"),
        ({"size": "1"}, "results.size"),
        ({"size": True}, "results.size"),
        ({"size": 1.0, "note": 3}, "results.note"),
    ],
)
def test_json_that_does_not_fit_is_refused_with_its_place(value, where):
    with pytest.raises(StudyError, match=where):
        built(Part, value)


@pytest.mark.parametrize(
    ("parts", "names", "where"),
    [([{"size": None}], {}, r"parts\[0\].size"), ({}, {}, "results.parts"), ([], {"a": 1.5}, "names.a"), ([], [], "results.names")],
)
def test_the_place_leads_into_the_parts(parts, names, where):
    with pytest.raises(StudyError, match=where):
        built(Whole, {"parts": parts, "names": names})
