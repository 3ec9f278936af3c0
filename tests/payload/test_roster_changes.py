from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.roster_changes import (
    founded,
    renewed,
    with_card,
    with_coordinators,
    with_endpoint,
    with_longer_membership,
    with_member,
    with_revoked,
)
from tests.payload.examples import NOW
from tests.payload.roster_examples import DAY, card, coordinator, member, roster

LATER = NOW + 1000
LASTS = 2 * DAY + 10  # from when the example was made to when it expires


def next_version(**changes):
    """The example's next version, made at LATER, with nothing changed but this."""
    return roster(**({"version": 4, "made_at": LATER, "expires_at": LATER + LASTS} | changes))


def entries(**changed):
    """The example's members, some of them in another state."""
    return tuple(replace(each, **changed.get(each.name.replace("-", "_"), {})) for each in roster().members)


def test_a_founded_consortium_has_coordinators_in_order_and_no_members():
    first = founded("New", [card("bea"), card("ada")], 2, now=NOW, lasts_s=DAY)
    assert (first.version, first.made_at, first.expires_at, first.threshold, first.members) == (1, NOW, NOW + DAY, 2, ())
    assert first.coordinators == (coordinator("ada"), coordinator("bea"))


def test_a_member_is_added_in_its_place():
    added = with_member(roster(), card("entity-aa"), ["entity", "relay"], now=LATER, lasts_s=DAY)
    new = member("entity-aa", roles=frozenset({"entity", "relay"}), valid_from=LATER, valid_until=LATER + DAY)
    first, *others = roster().members
    assert added == next_version(members=(first, new, *others))


def test_a_revoked_member_stays_on_the_roster_as_revoked():
    assert with_revoked(roster(), "entity-a", now=LATER) == next_version(members=entries(entity_a={"revoked_at": LATER}))


def test_a_newer_card_takes_the_place_of_the_old_one():
    assert with_card(roster(), card("entity-a", 2), now=LATER) == next_version(members=entries(entity_a={"card": card("entity-a", 2)}))


def test_a_coordinators_newer_card_changes_both_roles_at_once():
    both = with_member(roster(), card("ada"), ["relay"], now=NOW, lasts_s=DAY)
    turned = with_card(both, card("ada", 2), now=LATER)
    assert turned.coordinators == (coordinator("ada", 2), coordinator("bea"), coordinator("cyd"))
    assert turned.members == (replace(both.members[0], card=card("ada", 2)), *both.members[1:])
    only = with_card(roster(), card("ada", 2), now=LATER)
    assert (only.coordinators, only.members) == (turned.coordinators, roster().members)


def moved(name="entity-a", **changes):
    """A member's newer card with the same keys."""
    return replace(card(name), **({"endpoint": "new.example.org:1", "made_at": NOW} | changes))


def test_a_member_answers_elsewhere_under_the_same_keys():
    assert with_endpoint(roster(), moved(), now=LATER) == next_version(members=entries(entity_a={"card": moved()}))


@pytest.mark.parametrize("part", ["signing", "tls_spki", "node_public_key", "hpke"])
def test_no_key_changes_with_the_endpoint(part):
    for whose in (card("entity-b"), card("entity-a", 2)):
        with pytest.raises(ReleaseError, match="entity-a moves under the keys that it has: wanted a card with those, got another"):
            with_endpoint(roster(), moved(**{part: getattr(whose, part)}), now=LATER)


def test_other_coordinators_with_another_threshold():
    changed = with_coordinators(roster(), [card("dee"), card("cyd")], 1, now=LATER)
    assert changed == next_version(coordinators=(coordinator("cyd"), coordinator("dee")), threshold=1)


def test_a_membership_and_a_roster_are_made_to_last():
    longer = with_longer_membership(roster(), "entity-b", now=LATER, lasts_s=5 * DAY)
    assert longer == next_version(members=entries(entity_b={"valid_until": LATER + 5 * DAY}))
    assert renewed(roster(), now=LATER, lasts_s=DAY) == next_version(expires_at=LATER + DAY)


def test_a_revoked_name_comes_back_with_new_keys_only():
    revoked = with_revoked(roster(), "entity-a", now=NOW)
    back = with_member(revoked, card("entity-a", 2), ["entity"], now=LATER, lasts_s=DAY)
    assert back.member("entity-a", LATER).card == card("entity-a", 2)
    for part, kind in (("signing", "signing"), ("tls_spki", "TLS"), ("node_public_key", "node-authentication"), ("hpke", "HPKE")):
        half_new = replace(card("entity-a", 2), **{part: getattr(card("entity-a"), part)})
        with pytest.raises(ReleaseError, match=f"entity-a was revoked: .* got the revoked {kind} key"):
            with_member(revoked, half_new, ["entity"], now=LATER, lasts_s=DAY)


REVOKED = with_revoked(roster(), "entity-a", now=NOW)
COORDINATING = with_member(roster(), card("ada"), ["entity"], now=NOW, lasts_s=DAY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: with_member(roster(), card("entity-a", 2), ["entity"], now=NOW, lasts_s=DAY), "entity-a is on the roster already"),
        (lambda: with_member(roster(), card("ada", 2), ["entity"], now=NOW, lasts_s=DAY), "ada has other signing keys"),
        (lambda: with_member(roster(), card("new"), [], now=NOW, lasts_s=DAY), "roles must be"),
        (lambda: with_member(roster(), card("new"), ["entity"], now=NOW, lasts_s=0), "valid_until must lie after"),
        (lambda: with_revoked(roster(), "entity-x", now=NOW), "got 'entity-x'; its members are entity-a, entity-b, relay-r"),
        (lambda: with_revoked(REVOKED, "entity-a", now=NOW), "entity-a is revoked since"),
        (lambda: with_revoked(COORDINATING, "ada", now=NOW), "ada is a coordinator too"),
        (lambda: with_card(roster(), card("entity-x"), now=NOW), "entity-x is neither a member nor a coordinator"),
        (lambda: with_card(roster(), card("entity-a"), now=NOW), "wanted a newer card of entity-a"),
        (lambda: with_card(roster(members=(member("entity-a", 2),)), card("entity-a"), now=NOW), "wanted a newer card of entity-a"),
        (lambda: with_card(REVOKED, card("entity-a", 2), now=NOW), "entity-a is revoked since"),
        (
            lambda: with_endpoint(roster(), moved(endpoint=card("entity-a").endpoint), now=NOW),
            "answers at entity-a.example.org:8443 already",
        ),
        (lambda: with_endpoint(roster(), moved(made_at=card("entity-a").made_at), now=NOW), "wanted a newer card of entity-a"),
        (lambda: with_endpoint(REVOKED, moved(), now=NOW), "entity-a is revoked since"),
        (lambda: with_endpoint(roster(), moved("ada"), now=NOW), "got 'ada'; its members are"),
        (lambda: with_coordinators(roster(), [], 1, now=NOW), "the number of coordinators"),
        (lambda: with_coordinators(roster(), [card("ada")], 2, now=NOW), "the threshold"),
        (lambda: with_longer_membership(REVOKED, "entity-a", now=NOW, lasts_s=DAY), "entity-a is revoked since"),
        (lambda: with_longer_membership(roster(), "entity-x", now=NOW, lasts_s=DAY), "got 'entity-x'"),
        (lambda: renewed(roster(), now=NOW, lasts_s=0), "expires_at must lie after"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change, said):
    with pytest.raises(ReleaseError, match=said):
        change()
