"""Three coordinators, their consortium's roster through its life, and a site that follows it: by what users type."""

import time

import pytest
from typer.testing import CliRunner

from dpm_flower.apps.roster_drafts import draft_path, kept_path
from dpm_flower.cli import app
from dpm_flower.payload.identity import CARD_NAME, Identity
from dpm_flower.payload.roster_envelope import read_envelope, write_envelope
from dpm_flower.payload.roster_lock import read_lock
from dpm_flower.payload.roster_text import from_text

NOW = int(time.time())
NAMES = "ada", "bea", "cyd", "hospital-a", "hospital-b"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with the identity of each, and newer ones of two of them."""
    folder = tmp_path_factory.mktemp("keys")
    for name in NAMES:
        Identity.create(folder / name, name, f"{name}.example.org:8443", now=NOW - 5)
    for name in ("hospital-a", "ada"):
        Identity.create(folder / f"{name}-new", name, f"{name}.example.org:8444", now=NOW)
    return folder


@pytest.fixture
def consortium(keys, tmp_path):
    return Consortium(keys, tmp_path / "roster.toml")


class Consortium:
    """What is typed about one roster."""

    def __init__(self, keys, path):
        self.keys, self.path, self.lock = keys, path, path.with_name("roster.lock")

    def card(self, name):
        return str(self.keys / name / CARD_NAME)

    def cards(self, *names):
        return [part for name in names for part in ("--coordinator", self.card(name))]

    def run(self, *arguments):
        """The exit code, what was said, and what was refused."""
        done = CliRunner().invoke(app, ["roster", *map(str, arguments), "--roster", str(self.path)], catch_exceptions=False)
        return done.exit_code, done.stdout, done.stderr

    def do(self, *arguments):
        code, said, refused = self.run(*arguments)
        assert (code, refused) == (0, "")
        return said

    def refused(self, *arguments):
        code, _, refused = self.run(*arguments)
        assert code == 1
        assert refused.startswith("dpm-flower: ")
        assert refused.count("\n") == 1
        return refused

    def signed_by(self, *names):
        said = ""
        for name in names:
            said = self.do("sign", "--identity", self.keys / name)
        return said

    def founded(self):
        self.do("init", "Retina", *self.cards("ada", "bea", "cyd"), "--threshold", 2)
        self.signed_by("ada", "bea")
        return self

    def with_members(self):
        self.do("add", self.card("hospital-a"))
        self.do("add", self.card("hospital-b"), "--roles", "entity, relay", "--valid-days", 1)
        self.signed_by("bea", "cyd")
        return self

    @property
    def roster(self):
        return from_text(read_envelope(self.path).payload)

    def names(self):
        return [member.name for member in self.roster.members]


def test_a_roster_from_its_founding_to_a_site_that_follows_it(consortium):
    said = consortium.do("init", "Retina", *consortium.cards("cyd", "ada", "bea"), "--threshold", 2, "--valid-days", 30)
    assert "wants the signatures of 2 of ada, bea, cyd; signed by nobody so far" in said
    assert not consortium.path.exists()
    assert "signed by ada so far" in consortium.signed_by("ada")
    assert "in force" in consortium.signed_by("cyd")
    assert not draft_path(consortium.path).exists()
    assert consortium.roster.expires_at - consortium.roster.made_at == 30 * 86400
    said = consortium.do("check", "--lock", consortium.lock, "--pin")
    assert "compare the digest" in said
    consortium.with_members()
    assert consortium.names() == ["hospital-a", "hospital-b"]
    assert consortium.roster.members[1].roles == {"entity", "relay"}
    assert consortium.roster.members[1].valid_until - consortium.roster.members[1].valid_from == 86400
    assert "compare the digest" not in consortium.do("check", "--lock", consortium.lock)
    assert read_lock(consortium.lock).version == consortium.roster.version == 3
    assert consortium.roster.expires_at - consortium.roster.made_at == 30 * 86400


def test_a_draft_changes_nothing_until_enough_have_signed(consortium):
    consortium.founded().with_members()
    before = consortium.path.read_bytes()
    said = consortium.do("revoke", "hospital-b")
    assert "member hospital-b revoked" in said
    consortium.signed_by("ada")
    assert consortium.path.read_bytes() == before
    consortium.signed_by("cyd")
    assert consortium.roster.members[1].revoked_at is not None


def test_a_draft_that_is_changed_again_is_another_version_without_signatures(consortium):
    consortium.founded()
    consortium.do("add", consortium.card("hospital-a"))
    consortium.signed_by("ada")
    assert "signed by nobody so far" in consortium.do("add", consortium.card("hospital-b"))
    consortium.signed_by("bea")
    assert consortium.names() == []
    consortium.signed_by("cyd")
    assert (consortium.roster.version, consortium.names()) == (3, ["hospital-a", "hospital-b"])


def test_new_keys_take_the_place_of_the_old_ones_of_a_member_and_of_a_coordinator(consortium):
    consortium.founded().with_members()
    assert "other signing" in consortium.do("rotate", consortium.card("hospital-a-new"))
    consortium.do("rotate", consortium.card("ada-new"))
    consortium.signed_by("ada", "bea")  # enough of those in force, and bea is one of the next
    assert draft_path(consortium.path).exists()
    assert "in force" in consortium.signed_by("ada-new")
    assert consortium.roster.members[0].card.endpoint == "hospital-a.example.org:8444"
    consortium.do("renew", "--valid-days", 9)
    assert "the keys of none of them" in consortium.refused("sign", "--identity", consortium.keys / "ada")
    consortium.signed_by("ada-new", "cyd")
    assert consortium.roster.expires_at - consortium.roster.made_at == 9 * 86400


def test_a_site_follows_a_change_of_all_coordinators_through_the_versions_that_stay(consortium):
    consortium.founded()
    consortium.do("check", "--lock", consortium.lock, "--pin")
    consortium.do("coordinate", consortium.card("hospital-a"), "--threshold", 1)
    consortium.signed_by("hospital-a", "ada", "bea")
    consortium.do("add", consortium.card("hospital-b"))
    consortium.signed_by("hospital-a")
    assert "check the versions between" in consortium.refused("check", "--lock", consortium.lock)
    between = Consortium(consortium.keys, kept_path(consortium.path, 2))
    between.do("check", "--lock", consortium.lock)
    consortium.do("check", "--lock", consortium.lock)
    assert read_lock(consortium.lock).version == 3
    assert "an older roster" in between.refused("check", "--lock", consortium.lock)


def test_a_membership_is_made_to_last(consortium):
    consortium.founded().with_members()
    until = consortium.roster.members[1].valid_until
    consortium.do("renew", "hospital-b", "--valid-days", 2)
    consortium.signed_by("ada", "bea")
    assert consortium.roster.members[1].valid_until >= until + 86400


def test_show_says_what_is_in_force_and_what_waits(consortium):
    consortium.founded().with_members()
    consortium.do("revoke", "hospital-a")
    said = consortium.do("show")
    assert "member       hospital-a: entity at hospital-a.example.org:8443, until" in said
    assert "member hospital-a revoked at" in said
    assert "wants the signatures of 2 of ada, bea, cyd" in said
    consortium.signed_by("ada", "bea")
    assert "NOT IN FORCE: hospital-a is revoked" in consortium.do("show")


def test_what_a_killed_sign_left_behind_is_passed_over(consortium):
    consortium.founded()
    write_envelope(draft_path(consortium.path), read_envelope(consortium.path))  # the roster was replaced, its draft not yet removed
    assert "no draft" in consortium.refused("sign", "--identity", consortium.keys / "cyd")
    consortium.do("add", consortium.card("hospital-a"))
    consortium.signed_by("ada", "cyd")
    assert consortium.roster.version == 2


def test_an_expired_roster_is_refused_for_use_and_can_be_followed(consortium, monkeypatch):
    consortium.founded()
    consortium.do("check", "--lock", consortium.lock, "--pin")
    consortium.do("renew", "--valid-days", 2)
    consortium.signed_by("ada", "bea")
    monkeypatch.setattr(time, "time", lambda: NOW + 3 * 86400)
    assert "version 2 has expired" in consortium.refused("check", "--lock", consortium.lock)
    assert read_lock(consortium.lock).version == 2
    assert "EXPIRED" in consortium.do("show")
    consortium.do("renew", "--valid-days", 2)
    consortium.signed_by("ada", "bea")
    assert "version      3" in consortium.do("check", "--lock", consortium.lock)


def test_without_a_lock_a_roster_is_checked_against_itself_only(consortium):
    consortium.founded()
    assert "not compared with any roster" in consortium.do("check")
    consortium.do("renew", "--valid-days", 2)
    unsigned = Consortium(consortium.keys, draft_path(consortium.path))
    assert "wanted the signatures of 2 of its own coordinators" in unsigned.refused("check")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["init", "Retina", "--coordinator", "{ada}", "--threshold", "1"], "is there already"),
        (["add", "{hospital-a}"], "hospital-a is on the roster already"),
        (["add", "{ada}", "--roles", "king"], "a role must be entity or relay, got 'king'"),
        (["add", "{nobody}"], "cannot read the card"),
        (["revoke", "nobody"], "got 'nobody'; its members are hospital-a, hospital-b"),
        (["rotate", "{hospital-a}"], "wanted a newer card"),
        (["coordinate", "{ada}", "--threshold", "2"], "the threshold must be"),
        (["renew", "nobody", "--valid-days", "1"], "got 'nobody'"),
        (["sign", "--identity", "nowhere"], "nowhere"),
        (["check", "--pin"], "--pin wants a lock"),
        (["check", "--lock", "nowhere"], "this site is held to no roster yet"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_and_changes_nothing(consortium, arguments, said):
    consortium.founded().with_members()
    before = {path: path.read_bytes() for path in consortium.path.parent.iterdir()}
    cards = {name: consortium.card(name) for name in (*NAMES, "nobody")}
    assert said in consortium.refused(*(argument.format(**cards) for argument in arguments))
    assert {path: path.read_bytes() for path in consortium.path.parent.iterdir()} == before


def test_signers_that_are_not_wanted_are_refused(consortium):
    consortium.founded()
    consortium.do("add", consortium.card("hospital-a"))
    consortium.signed_by("ada")
    assert "signed version 2 already" in consortium.refused("sign", "--identity", consortium.keys / "ada")
    assert "the keys of none of them" in consortium.refused("sign", "--identity", consortium.keys / "hospital-b")


def test_a_draft_of_another_consortium_or_with_a_forged_signature_is_refused(consortium, tmp_path):
    other = Consortium(consortium.keys, tmp_path / "other" / "roster.toml")
    other.path.parent.mkdir()
    consortium.founded()
    other.do("init", "Cornea", *other.cards("ada", "bea"), "--threshold", 1)
    other.do("renew", "--valid-days", 3)
    draft = draft_path(consortium.path)
    draft.write_bytes(draft_path(other.path).read_bytes())
    assert "wanted a draft of Retina, got one of Cornea" in consortium.refused("show")
    draft.unlink()
    consortium.do("renew", "--valid-days", 3)
    consortium.signed_by("ada")
    draft.write_bytes(draft.read_bytes().replace(b"version = 2", b"version = 3"))
    assert "coordinator ada: the signature of ed25519 does not hold" in consortium.refused("sign", "--identity", consortium.keys / "bea")


def test_a_card_that_somebody_altered_is_refused(consortium, tmp_path):
    altered = tmp_path / "card.json"
    data = (consortium.keys / "hospital-a" / CARD_NAME).read_bytes()
    altered.write_bytes(data[:-40] + data[-39:])
    assert f"the card {altered}" in consortium.founded().refused("add", altered)


def test_nothing_to_show_and_nothing_to_change(consortium):
    assert "and no draft beside it" in consortium.refused("show")
    assert "wanted one that roster init made" in consortium.refused("revoke", "ada")
    assert "cannot read" in consortium.refused("check")
