from dataclasses import replace

import pytest

from dpm_flower.payload.roster_changes import renewed, with_card, with_coordinators, with_longer_membership, with_member, with_revoked
from dpm_flower.payload.roster_differences import differences
from tests.payload.examples import NOW
from tests.payload.roster_examples import DAY, card, coordinator, member, roster

LASTS = roster().expires_at - roster().made_at


def of(change):
    """What a change at the example's own time says, without the version and the moment it was made."""
    return differences(roster(), change)


def test_nothing_but_the_version_is_no_difference():
    assert of(roster(version=4, made_at=NOW - 5)) == ()


def test_a_first_roster_is_all_new():
    lines = differences(None, roster())
    assert lines[0] == "consortium Retina consortium, Köln"
    assert "takes 2 of 3 coordinators" in lines
    for each in roster().coordinators:
        assert f"coordinator {each.name} added: {' '.join(each.keys.keyids)}" in lines
    assert [line.split()[1] for line in lines if line.startswith("member")] == ["entity-a", "entity-b", "relay-r"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (renewed(roster(), now=NOW, lasts_s=DAY), ["lasts until 2027-01-16T08:00:00Z, before: 2027-01-17T08:00:00Z"]),
        (roster(consortium="B"), ["consortium B, before: Retina consortium, Köln"]),
        (roster(threshold=1), ["takes 1 of 3 coordinators, before: 2"]),
        (roster(members=()), ["member entity-a removed", "member entity-b removed", "member relay-r removed"]),
        (with_revoked(roster(), "entity-a", now=NOW - 10), ["member entity-a revoked at 2027-01-15T07:59:50Z"]),
    ],
)
def test_a_change_is_said(change, said):
    assert list(of(change)) == said


def test_an_added_member_is_said_with_its_cards_fingerprint():
    (line,) = of(with_member(roster(), card("new"), ["relay"], now=NOW - 10, lasts_s=DAY))
    assert line.startswith("member new added: relay, 2027-01-15T07:59:50Z to ")
    assert line.endswith(card("new").fingerprint)


def test_another_card_is_said_with_the_parts_that_change():
    (line,) = of(with_card(roster(), card("entity-a", 2), now=NOW - 10))
    assert line.startswith("member entity-a gets another card: other signing, other tls_spki, other node_public_key, other hpke")
    moved = replace(card("entity-a"), endpoint="elsewhere.example.org:1", made_at=card("entity-a").made_at + 1)
    (line,) = of(with_card(roster(), moved, now=NOW - 10))
    assert "endpoint elsewhere.example.org:1, before: entity-a.example.org:8443" in line


def test_a_longer_membership_is_said_with_the_time_before():
    (line,) = of(with_longer_membership(roster(), "entity-a", now=NOW - 10, lasts_s=9 * DAY))
    assert "entity, 2027-01-15T07:59:50Z to 2027-01-24T07:59:50Z, before: entity, " in line


def test_other_coordinators_are_said_with_their_keys():
    cards = [card("ada", 2), card("cyd"), card("dee")]
    lines = of(with_coordinators(roster(), cards, 2, now=NOW - 10))
    assert lines == (
        f"coordinator ada gets other keys: {' '.join(coordinator('ada', 2).keys.keyids)}",
        "coordinator bea removed",
        f"coordinator dee added: {' '.join(coordinator('dee').keys.keyids)}",
    )


@pytest.mark.parametrize(
    "other",
    [
        {"roles": frozenset({"relay"})},
        {"valid_from": NOW - 11},
        {"valid_until": NOW + 1},
        {"revoked_at": NOW},
        {"card": card("entity-a", 2)},
        {"card": replace(card("entity-a"), made_at=7)},
    ],
)
def test_no_part_of_a_member_changes_in_silence(other):
    assert len(differences(roster(members=(member("entity-a"),)), roster(members=(member("entity-a", **other),)))) == 1
    back = differences(roster(members=(member("entity-a", **other),)), roster(members=(member("entity-a"),)))
    assert len(back) == 1


def test_both_a_revocation_and_another_standing_are_said():
    old, new = member("entity-a"), member("entity-a", revoked_at=NOW, roles=frozenset({"relay"}), valid_until=NOW + 1)
    text = " ".join(differences(roster(members=(old,)), roster(members=(new,))))
    assert "revoked at" in text
    assert "relay" in text
