import json
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dpm_flower.studies.settings import flattened, settings_of
from tests.studies.hand_made import STUDY


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Odd:
    colour: Colour = Colour.RED
    far: float = math.inf
    path: Path = Path("x")
    call: object = math.sqrt
    kind_of: type = int
    some: frozenset[str] = frozenset({"b", "a"})


def test_a_study_becomes_json_with_the_kinds_of_its_parts():
    plain = settings_of(STUDY)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["arms"][2]["method"] == {"kind": "Named", "name": "poisoned", "weight": 2.0}
    assert plain["arms"][4]["kind"] == "AveragingArm"
    assert plain["partition"]["entities"] == [["a", 0.4], ["b", 0.3], ["c", 0.05]]


def test_an_odd_knob_is_named_and_costs_nothing():
    plain = settings_of(Odd())
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["colour"] == "RED"
    assert plain["far"] == "inf"
    assert (plain["call"], plain["kind_of"], plain["some"]) == ("sqrt", "int", ["a", "b"])


def test_every_leaf_is_listed_once():
    leaves = flattened({"a": {"b": 1, "c": [1, 2]}, "d": [{"e": None}, {"e": True}], "f": []})
    assert leaves == [("a.b", "1"), ("a.c", "1, 2"), ("d 1.e", "none"), ("d 2.e", "yes"), ("f", "none")]
