from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.roster_endpoints import RosterEndpoints
from tests.payload.examples import NOW
from tests.payload.roster_examples import DAY, member, roster


def endpoints(rosters, role=None, now=NOW):
    return RosterEndpoints(lambda: rosters[0], role, lambda: now)


def test_a_member_is_where_its_card_says_in_the_roster_in_force():
    rosters = [roster()]
    find = endpoints(rosters, "entity")
    assert find("entity-a") == PeerEndpoint("entity-a", "entity-a.example.org:8443")
    moved = member("entity-a", card=replace(member("entity-a").card, endpoint="new.example.org:1"))
    rosters[0] = roster(members=(moved, *roster().members[1:]))
    assert find("entity-a") == PeerEndpoint("entity-a", "new.example.org:1")


@pytest.mark.parametrize(
    ("name", "role", "now", "said"),
    [
        ("relay-r", "entity", NOW, "wrong role: wanted entity"),
        ("entity-a", "relay", NOW, "wrong role: wanted relay"),
        ("entity-z", None, NOW, "unknown"),
        ("entity-a", None, NOW + DAY, "expired member"),
    ],
)
def test_who_may_not_act_is_nowhere(name, role, now, said):
    with pytest.raises(ReleaseError, match=said):
        endpoints([roster()], role, now)(name)


def test_any_role_is_found_where_none_is_asked_for():
    assert endpoints([roster()])("relay-r").address == "relay-r.example.org:8443"
