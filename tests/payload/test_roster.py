from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.moments import LAST_MOMENT
from dpm_flower.payload.roster import MAX_MEMBERS
from tests.payload.examples import NOW
from tests.payload.roster_examples import DAY, card, coordinator, member, roster


@pytest.mark.parametrize(
    ("name", "role"),
    [("entity-a", None), ("entity-a", "entity"), ("entity-b", "entity"), ("entity-b", "relay"), ("relay-r", "relay"), ("relay-r", None)],
)
def test_a_member_in_force_is_found_in_each_of_its_roles(name, role):
    assert roster().member(name, NOW, role).name == name


@pytest.mark.parametrize("now", [NOW - 10, NOW + DAY - 1])
def test_a_membership_holds_from_its_first_second_to_its_last(now):
    assert roster().member("entity-a", now) == member("entity-a")


def of(**changes):
    return roster(members=(member("entity-a", **changes),))


@pytest.mark.parametrize(
    ("one", "name", "now", "said"),
    [
        (roster(), "entity-x", NOW, "'entity-x' is unknown: not on version 3"),
        (roster(), "ada", NOW, "'ada' is unknown"),
        (roster(), "", NOW, "is unknown"),
        (of(), "entity-a", NOW - 11, "not yet a valid member"),
        (of(), "entity-a", NOW + DAY, "entity-a is an expired member"),
        (of(revoked_at=NOW - 5), "entity-a", NOW, "entity-a is revoked since"),
        (of(revoked_at=NOW + 5), "entity-a", NOW, "entity-a is revoked since"),
        (of(roles=frozenset({"relay"})), "entity-a", NOW, "wrong role: wanted entity, its roles are relay"),
        (roster(), "entity-a", NOW + 2 * DAY, "the roster expired: version 3"),
        (roster(), "entity-x", NOW + 2 * DAY, "the roster expired"),
    ],
)
def test_who_may_not_act_is_refused_with_the_reason(one, name, now, said):
    with pytest.raises(ReleaseError, match=said):
        one.member(name, now, "entity")


def test_an_entry_is_there_whether_or_not_it_may_act():
    assert of(revoked_at=NOW - 5).entry("entity-a") == member("entity-a", revoked_at=NOW - 5)
    assert [roster().entry(name) for name in ("entity-x", "ada", "")] == [None] * 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"roles": frozenset()}, "roles must be entity or relay"),
        ({"roles": frozenset({"entity", "king"})}, "roles must be entity or relay"),
        ({"valid_from": -1}, "valid_from"),
        ({"valid_from": 1.5}, "valid_from"),
        ({"valid_until": LAST_MOMENT + 1}, "valid_until"),
        ({"valid_until": NOW - 10}, "valid_until must lie after"),
        ({"revoked_at": -1}, "revoked_at"),
    ],
)
def test_a_member_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        member("entity-a", **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"consortium": ""}, "consortium"),
        ({"consortium": "a\nb"}, "consortium"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"made_at": -1}, "made_at"),
        ({"expires_at": LAST_MOMENT + 1}, "expires_at"),
        ({"expires_at": NOW - 10}, "expires_at must lie after"),
        ({"threshold": 4}, "the threshold"),
        ({"coordinators": ()}, "the number of coordinators"),
        ({"members": (member("entity-b"), member("entity-a"))}, "in order"),
        ({"members": (member("entity-a"), member("entity-a", 1))}, "different names"),
        ({"members": (member("entity-a"),) * (MAX_MEMBERS + 1)}, "the number of members"),
        ({"members": (member("ada", 1),)}, "ada has other signing keys as a coordinator than as a member"),
    ],
)
def test_a_roster_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        roster(**changes)


@pytest.mark.parametrize(
    ("part", "kind"), [("signing", "signing"), ("tls_spki", "TLS"), ("node_public_key", "node-authentication"), ("hpke", "HPKE")]
)
def test_a_key_under_two_names_is_refused(part, kind):
    twin = replace(card("entity-b"), **{part: getattr(card("entity-a"), part)})
    with pytest.raises(ReleaseError, match=f"entity-a and entity-b have the same {kind} key"):
        roster(members=(member("entity-a"), member("entity-b", card=twin)))


def test_a_coordinators_key_under_a_members_name_is_refused():
    twin = replace(card("entity-a"), signing=card("ada").signing)
    with pytest.raises(ReleaseError, match="ada and entity-a have the same signing key"):
        roster(members=(member("entity-a", card=twin),))


def test_a_member_may_be_a_coordinator_with_the_same_keys():
    both = roster(members=(member("ada"),))
    assert both.member("ada", NOW).card.signing == both.coordinators[0].keys == coordinator("ada").keys
