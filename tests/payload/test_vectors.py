"""Every vector under tests/vectors is refused with its own reason, or accepted, as it says; a new one needs its file and no code.

A vector: `about` (a sentence), `world` ("release", "roster" or "networks"), `options` of that world, `before` (a list of tamperings
whose results come first, and are accepted), `tamper` (operations, see tampering.py) and `refused` (a regular expression for the whole
reason; null: it is accepted and right).
"""

import itertools
import json
import re
from pathlib import Path

import pytest

from dpm_flower.core.errors import ReleaseError
from tests.payload.tampering import NoSuchLeaf, Tampering
from tests.payload.vector_worlds import WORLDS

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
KEYS = {"about", "world", "options", "before", "tamper", "refused"}
FIXED_BYTES = 1 << 20  # what verification takes beside the envelope, whatever is claimed in it
PER_BYTE = 8  # and for each byte of the envelope: base64, JSON, the objects that it stands for
MAX_LEAVES = 500


def reason(world, vector, leaf=0):
    """Why the world refused the tampered thing, None if it did not."""
    tamper = Tampering(vector["tamper"], leaf)
    try:
        came = world.run(tamper)
    except ReleaseError as err:
        said = str(err)
    else:
        said = None
        assert world.was_right(came)
    assert tamper.is_complete, f"only {tamper.done} of the operations came to pass"
    return said


def reasons(world, vector):
    """The same for each leaf, where the tampering is for each."""
    if not Tampering(vector["tamper"]).is_for_each_leaf:
        return [reason(world, vector)]
    found = []
    for leaf in itertools.islice(itertools.count(), MAX_LEAVES):
        try:
            found.append(reason(world, vector, leaf))
        except NoSuchLeaf:
            return found
    raise AssertionError(f"more than {MAX_LEAVES} leaves")


@pytest.mark.parametrize("name", VECTORS)
def test_each_vector_is_refused_with_its_reason_or_accepted(name, tmp_path):
    vector = VECTORS[name]
    assert KEYS - {"options", "before"} <= vector.keys() <= KEYS
    world = WORLDS[vector["world"]](tmp_path, vector.get("options", {}))
    for operations in vector.get("before", []):
        assert world.was_right(world.run(Tampering(operations)))
    found = reasons(world, vector)
    assert found
    for leaf, said in enumerate(found):
        if vector["refused"] is None:
            assert said is None
        else:
            assert said is not None, f"leaf {leaf} was accepted"
            assert re.fullmatch(vector["refused"], said), f"leaf {leaf}: {said}"
    if vector["world"] == "release":  # until it is verified it takes little memory, whatever it claims
        assert 0 < world.peak_bytes < FIXED_BYTES + PER_BYTE * world.envelope_bytes


def worlds():
    return sorted({(vector["world"], json.dumps(vector.get("options", {}))) for vector in VECTORS.values()})


@pytest.mark.parametrize(("world", "options"), worlds())
def test_without_tampering_each_world_accepts(world, options, tmp_path):
    one = WORLDS[world](tmp_path, json.loads(options))
    assert one.was_right(one.run(Tampering([])))


def test_what_is_refused_leaves_nothing_behind(tmp_path):
    vector = VECTORS["shard-flipped"]
    assert reason(WORLDS["release"](tmp_path, {}), vector) is not None
    assert list(tmp_path.rglob("*.shard")) == []


def test_no_two_vectors_are_the_same():
    tampered = [json.dumps([vector.get(key) for key in ("world", "options", "before", "tamper")]) for vector in VECTORS.values()]
    assert len(set(tampered)) == len(tampered)
