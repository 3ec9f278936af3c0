import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.moments import LAST_MOMENT
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import MAX_MEMBERS, ROLES, Member, Roster
from dpm_flower.payload.roster_envelope import MARK, MAX_ROSTER_BYTES
from dpm_flower.payload.roster_text import from_text, to_text
from dpm_flower.payload.rules import LARGEST_COUNT
from tests.payload.roster_examples import card, member, roster

SPANS = st.tuples(st.integers(0, LAST_MOMENT), st.integers(0, LAST_MOMENT)).filter(lambda span: span[0] != span[1]).map(sorted)
NAMES = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() and not set("/\\") & set(text) and ".." not in text)
CARDS = {name: card(name) for name in ("ada", "bea", "entity-a", "entity-b", "relay-r")}  # made once, not while values are drawn


@st.composite
def members(draw, name):
    start, end = draw(SPANS)
    roles = frozenset(draw(st.sets(st.sampled_from(ROLES), min_size=1)))
    return Member(
        card=CARDS[name], roles=roles, valid_from=start, valid_until=end, revoked_at=draw(st.none() | st.integers(0, LAST_MOMENT))
    )


@st.composite
def rosters(draw):
    start, end = draw(SPANS)
    leading = sorted(draw(st.sets(st.sampled_from(sorted(CARDS)), min_size=1)))
    taking_part = sorted(draw(st.sets(st.sampled_from(sorted(CARDS)))))
    return Roster(
        consortium=draw(NAMES),
        version=draw(st.integers(1, LARGEST_COUNT)),
        made_at=start,
        expires_at=end,
        coordinators=tuple(Coordinator(name, CARDS[name].signing) for name in leading),
        threshold=draw(st.integers(1, min(len(leading), 4))),
        members=tuple(draw(members(name)) for name in taking_part),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine every draw is slow
@given(rosters())
def test_what_is_written_is_read_back_and_never_holds_the_line_that_ends_it(one):
    data = to_text(one)
    assert from_text(data) == one
    assert to_text(from_text(data)) == data
    assert MARK not in data


def test_people_can_read_it():
    plain = tomllib.loads(to_text(roster()).decode())
    assert plain["consortium"] == "Retina consortium, Köln"
    assert plain["expires_at"] == "2027-01-17T08:00:00Z"
    assert [(each["card"]["name"], each["roles"]) for each in plain["members"]] == [
        ("entity-a", ["entity"]),
        ("entity-b", ["entity", "relay"]),
        ("relay-r", ["relay"]),
    ]


def test_the_largest_roster_fits():
    one_member = len(to_text(roster(members=(member("entity-a"),)))) - len(to_text(roster(members=())))
    long_names = 1000  # an endpoint and a name as long as DNS allows, and the moment of a revocation
    assert MAX_MEMBERS * (one_member + long_names) + (1 << 16) < MAX_ROSTER_BYTES


TEXT = to_text(roster())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"format = 1", b"format = 2", "wanted a roster of format 1, got 2"),
        (b"format = 1", b'format = "1"', "a roster: format must be a whole number"),
        (b"format = 1\n", b"", "a roster lacks format"),
        (b"format = 1", b"format = 1\nking = 1", "a roster has unknown keys"),
        (b"format = 1", b"format = 1\nformat = 1", "is not TOML"),
        (b"format = 1", b"format =  1", "canonical form"),
        (b"format = 1", b"# a comment\nformat = 1", "canonical form"),
        (b"format = 1", b"format = 1\r", "canonical form"),
        (b"version = 3", b"version = true", "a roster: version must be a whole number"),
        (b"version = 3", b"version = -3", "version must be a whole number from 1"),
        (b"version = 3", b"version = +3", "canonical form"),
        (b"threshold = 2", b"threshold = 9", "the threshold must be"),
        (b"threshold = 2", b"threshold = 2.0", "a roster: threshold must be"),
        (b'consortium = "Retina', b'consortium = "../Retina', "consortium must be"),
        (b'made_at = "2027', b'made_at = "27', "made_at must be a moment"),
        (b'expires_at = "2027', b'expires_at = "2026', "expires_at must lie after"),
        (b'expires_at = "2027-01-17T08:00:00Z"', b"expires_at = 2027-01-17T08:00:00Z", "a roster: expires_at must be a string"),
        (b'name = "bea"', b'name = "Bea"', r"coordinators\[1\]: an entity with an identity"),
        (b'name = "entity-b"', b'name = "entity-B"', r"members\[1\]: card: an entity with an identity"),
        (b'name = "entity-b"', b'name = "a-entity"', "members must have different names, in order"),
        (b'name = "entity-b"', b'name = "entity-a"', "members must have different names"),
        (b'endpoint = "entity-a.', b'endpoint = "http://entity-a.', r"members\[0\]: card: an endpoint"),
        (b'roles = ["entity", "relay"]', b'roles = ["king"]', r"members\[1\] \(entity-b\): a role must be entity or relay, got 'king'"),
        (b'roles = ["entity", "relay"]', b"roles = []", r"members\[1\] \(entity-b\): roles must be"),
        (b'roles = ["entity", "relay"]', b'roles = "entity"', r"members\[1\]: roles must be an array"),
        (b'roles = ["entity", "relay"]', b'roles = ["relay", "entity"]', "canonical form"),
        (b'roles = ["entity", "relay"]', b'roles = ["entity", "relay", "relay"]', "canonical form"),
        (b'roles = ["entity"]', b'roles = ["entity"]\nrevoked_at = "soon"', r"members\[0\] \(entity-a\): revoked_at must be a moment"),
        (b'roles = ["entity"]', b'roles = ["entity"]\nking = 1', r"members\[0\] has unknown keys"),
        (b'valid_until = "2027', b'valid_until = "2026', r"members\[0\] \(entity-a\): valid_until must lie after"),
        (b'valid_from = "2027', b'valid_from = "1', r"members\[0\] \(entity-a\): valid_from must be a moment"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(old, new, said):
    assert old in TEXT
    with pytest.raises(ReleaseError, match=said):
        from_text(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a roster lacks"),
        (TEXT + b"\n", "canonical form"),
        (TEXT[:-1], "canonical form"),
        (b"x" * (MAX_ROSTER_BYTES + 1), "a roster may take"),
        (b"\xff", "is not TOML"),
        (TEXT.replace(b"[members", b"[member"), "unknown keys"),
    ],
)
def test_other_bytes_are_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        from_text(data)


def test_members_that_are_no_tables_are_refused():
    head, _, _ = TEXT.partition(b"\n[[members]]")
    with pytest.raises(ReleaseError, match=r"members\[0\] must be a table, got 7"):
        from_text(b"members = [7]\n" + head)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_another_roster(place, bit):
    data = bytearray(TEXT)
    data[place] ^= 1 << bit
    try:
        other = from_text(bytes(data))
    except ReleaseError:
        return
    assert other != roster()
