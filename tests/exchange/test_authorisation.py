import pytest

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.exchange.authorisation import OnTheRoster
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import Member, Roster
from dpm_flower.payload.signing_keys import SigningKeys
from tests.exchange.peers import NOW, authority, member

COORDINATOR = Coordinator("coordinator", SigningKeys.generate(post_quantum=False).public)


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path / "ca")


def roster_of(card, **changes):
    entry = {"card": card, "roles": frozenset({"entity"}), "valid_from": NOW - 100, "valid_until": NOW + 100} | changes
    return Roster(
        consortium="trial", version=1, made_at=NOW - 100, expires_at=NOW + 1000, coordinators=(COORDINATOR,), threshold=1,
        members=(Member(**entry),),
    )  # fmt: skip


def test_a_member_with_its_own_key_may_call(ca):
    card, credentials = member("entity-a", ca)
    OnTheRoster(lambda: roster_of(card), lambda: NOW)("entity-a", credentials.certificate_chain)


@pytest.mark.parametrize(
    ("change", "clock", "said"),
    [
        ({"revoked_at": NOW - 1}, NOW, "revoked"),
        ({}, NOW + 100, "expired member"),
        ({}, NOW - 101, "not yet"),
        ({}, NOW + 1000, "roster expired"),
    ],
    ids=["revoked", "member-expired", "not-yet", "roster-expired"],  # NOW is another second in another process
)
def test_the_rosters_own_word_counts(ca, change, clock, said):
    card, credentials = member("entity-a", ca)
    with pytest.raises(ReleaseError, match=said):
        OnTheRoster(lambda: roster_of(card, **change), lambda: clock)("entity-a", credentials.certificate_chain)


def test_who_is_unknown_may_not_call(ca):
    card, _ = member("entity-a", ca)
    with pytest.raises(ReleaseError, match="unknown"):
        OnTheRoster(lambda: roster_of(card), lambda: NOW)("entity-z", member("entity-z", ca)[1].certificate_chain)


def test_a_certificate_for_a_key_that_was_replaced_does_not_count(ca):
    card, _ = member("entity-a", ca)
    _, stolen = member("entity-a", ca)
    with pytest.raises(ReleaseError, match="certificate of entity-a is for another TLS key"):
        OnTheRoster(lambda: roster_of(card), lambda: NOW)("entity-a", stolen.certificate_chain)


def test_a_revocation_counts_at_the_next_call(ca):
    card, credentials = member("entity-a", ca)
    rosters = [roster_of(card)]
    admit = OnTheRoster(lambda: rosters[0], lambda: NOW)
    admit("entity-a", credentials.certificate_chain)
    rosters[0] = roster_of(card, revoked_at=NOW)
    with pytest.raises(ReleaseError, match="revoked"):
        admit("entity-a", credentials.certificate_chain)


def test_without_a_good_roster_nobody_may_call(ca):
    def none():
        raise ReleaseError("the roster /a/path/of/ours was refused")

    with pytest.raises(SettingError, match="nobody may call"):
        OnTheRoster(none)("entity-a", member("entity-a", ca)[1].certificate_chain)
