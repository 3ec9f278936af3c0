import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core import hash_chain
from dpm_flower.core.errors import PoolError
from dpm_flower.core.hash_chain import MAX_LINE_BYTES, following, genesis, parse, verify


def chain(length=6, site="entity-b", salt="00"):
    entries = [genesis(site, salt, 100)]
    while len(entries) < length:
        number = len(entries)
        entries.append(following(entries[-1], 100 + number, "admitted", {"digest": f"d{number}", "position": number}))
    return entries


def lines(entries):
    return [entry.line() for entry in entries]


def rewritten(entries, number, **changes):
    """The chain with one entry edited by somebody who also corrects that entry's own hash."""
    plain = json.loads(entries[number].line()) | changes
    forged = hash_chain.Entry(plain["number"], plain["at"], plain["event"], plain["details"], plain["previous"])
    return lines([*entries[:number], forged, *entries[number + 1 :]])


details = st.dictionaries(st.text(max_size=9), st.text(max_size=30) | st.integers(), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(), st.text(max_size=20), details), max_size=6), st.text(max_size=20))
def test_what_was_appended_is_read_back_and_verifies(events, site):
    entries = [genesis(site, "5a17", 0)]
    for at, event, told in events:
        entries.append(following(entries[-1], at, event, told))
    assert list(hash_chain.entries(lines(entries))) == entries
    assert verify(lines(entries)) == entries[-1].hash
    assert all(b"\n" not in line for line in lines(entries))


@pytest.mark.parametrize("number", range(6))
def test_any_flipped_bit_names_its_entry(number):
    intact = lines(chain())
    for place in range(len(intact[number])):
        changed = bytearray(intact[number])
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(PoolError, match=rf"entry {number} "):
            verify([*intact[:number], bytes(changed), *intact[number + 1 :]])


@pytest.mark.parametrize("number", range(5))
def test_an_edit_with_its_hash_corrected_breaks_the_chain_after_it(number):
    with pytest.raises(PoolError, match=rf"entry {number} was changed: entry {number + 1} was written after another"):
        verify(rewritten(chain(), number, at=7))


def test_an_edit_of_the_last_entry_with_its_hash_corrected_is_found_by_a_head_that_a_peer_holds():
    entries = chain()
    forged = rewritten(entries, 5, at=7)
    assert verify(forged) != entries[-1].hash
    with pytest.raises(PoolError, match=entries[-1].hash):
        verify(forged, [entries[-1].hash])


@pytest.mark.parametrize("number", range(5))
def test_a_deleted_entry_is_named(number):
    intact = lines(chain())
    with pytest.raises(PoolError, match=rf"entry {number} is missing or was moved"):
        verify([*intact[:number], *intact[number + 1 :]])


@pytest.mark.parametrize("number", range(5))
def test_two_entries_that_changed_places_are_named(number):
    moved = lines(chain())
    moved[number], moved[number + 1] = moved[number + 1], moved[number]
    with pytest.raises(PoolError, match=rf"entry {number} is missing or was moved: entry {number + 1} "):
        verify(moved)


def test_an_entry_of_another_chain_is_named():
    intact, other = lines(chain()), lines(chain(salt="01"))
    with pytest.raises(PoolError, match="entry 2 was changed: entry 3 "):
        verify([*intact[:3], *other[3:]])


def test_a_log_that_was_cut_off_is_found_by_any_later_head_and_by_no_earlier_one():
    entries = chain()
    for kept in range(1, 6):
        cut = lines(entries)[:kept]
        assert verify(cut, [entry.hash for entry in entries[:kept]]) == entries[kept - 1].hash
        for entry in entries[kept:]:
            with pytest.raises(PoolError, match=f"cut off .* {kept} entries .* {entry.hash}"):
                verify(cut, [entries[0].hash, entry.hash])


def test_a_log_without_entries_is_refused():
    with pytest.raises(PoolError, match="got none"):
        verify([])


def test_a_chain_begins_with_its_genesis():
    start = hash_chain.Entry(0, 1, "admitted", {}, "")
    with pytest.raises(PoolError, match="entry 0 was changed: a chain begins with genesis"):
        verify([start.line()])
    late = hash_chain.Entry(0, 1, "genesis", {}, "ab")
    with pytest.raises(PoolError, match="entry 0 was changed"):
        verify([late.line()])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 9999, "no JSON"),
        (b"[]", "wanted an object"),
        (b"{}", "wanted an object"),
        (b'{"at":1,"details":{"a":null},"event":"e","hash":"h","number":1,"previous":"p"}', "details"),
        (b'{"at":1,"details":[],"event":"e","hash":"h","number":1,"previous":"p"}', "details"),
        (b'{"at":true,"details":{},"event":"e","hash":"h","number":1,"previous":"p"}', "whole numbers"),
        (b'{"at":1,"details":{},"event":2,"hash":"h","number":1,"previous":"p"}', "texts"),
        (b'{"at":1,"details":{},"event":"e","hash":"h","number":1,"previous":"p"}', "its hash or its form"),
        (b" " * (MAX_LINE_BYTES + 1), "may take"),
    ],
)
def test_what_is_no_entry_is_refused(line, said):
    with pytest.raises(PoolError, match=f"this line .*{said}"):
        parse(line, "this line")


def test_an_entry_has_one_line_only():
    line = chain()[1].line()
    spaced = json.dumps(json.loads(line), sort_keys=True).encode()
    assert spaced != line
    with pytest.raises(PoolError, match="its form"):
        parse(spaced, "it")


def test_no_entry_is_made_that_cannot_be_read():
    with pytest.raises(PoolError, match=f"may take {MAX_LINE_BYTES} bytes"):
        genesis("x" * MAX_LINE_BYTES, "", 0)


def test_the_salt_keeps_equal_logs_from_having_equal_heads():
    assert verify(lines(chain(salt="00"))) != verify(lines(chain(salt="01")))
    assert verify(lines(chain())) == verify(lines(chain()))


def test_the_chain_starts_without_torch_and_numpy():
    code = "import dpm_flower.core.hash_chain, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
