from dpm_flower.apps.roster_lines import roster_lines
from dpm_flower.payload.roster_envelope import text_digest
from tests.payload.examples import NOW
from tests.payload.roster_examples import DAY, member, roster, signed


def lines(one, now=NOW):
    return roster_lines(one, signed(one, "ada", "cyd"), now)


def test_the_digest_the_keys_and_the_signers_are_there_in_full():
    text = "\n".join(lines(roster())).replace(" ", "")
    assert text_digest(signed(roster())) in text
    assert all(key.keyid in text for each in roster().coordinators for key in each.keys.keys)
    assert all(each.card.fingerprint in text for each in roster().members)
    assert "signedbyada,cyd;ittakes2of3" in text


def test_each_member_is_said_as_it_stands():
    members = (
        member("entity-a"),
        member("entity-b", revoked_at=NOW),
        member("entity-c", valid_until=NOW),
        member("entity-d", valid_from=NOW + 1),
        member("relay-r", roles=frozenset({"relay"})),
    )
    found = [line for line in lines(roster(members=members)) if line.startswith("member")]
    for line, said in zip(found, ("until 2027-", "NOT IN FORCE: entity-b is revoked", "an expired", "not yet", "relay at"), strict=True):
        assert said in line


def test_an_expired_roster_is_marked():
    assert "EXPIRED" in lines(roster(), now=NOW + 2 * DAY)[1]
    assert "EXPIRED" not in "".join(lines(roster()))
