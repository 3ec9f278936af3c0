from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.networks_statement import (
    MAX_STATEMENT_BYTES,
    PAYLOAD_TYPE,
    NetworksStatement,
    seal_networks,
    verify_networks,
)
from dpm_flower.payload.rules import LARGEST_COUNT
from dpm_flower.payload.verification import CLOCK_SKEW_S
from tests.payload.examples import NOW
from tests.payload.roster_examples import identity, member, roster

STATEMENT = NetworksStatement(campaign="c-0123", seed=1, lead="entity-a", digest="ab" * 32, made_at=NOW - 60)
KEYS = identity("entity-a").signing
WANTED = {"campaign": "c-0123", "seed": 1, "lead": "entity-a", "digest": "ab" * 32, "now": NOW}


def sealed(**changes):
    return seal_networks(KEYS, replace(STATEMENT, **changes))


def test_what_is_sealed_verifies_after_it_was_written_and_read():
    envelope = Envelope.from_bytes(sealed().to_bytes())
    assert verify_networks(envelope, roster(), **WANTED) == STATEMENT


@settings(max_examples=40, deadline=None)
@given(st.integers(-LARGEST_COUNT, LARGEST_COUNT), st.integers(0, LARGEST_COUNT), st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True))
def test_what_is_written_is_read_back(seed, made_at, lead):
    statement = replace(STATEMENT, seed=seed, made_at=made_at, lead=lead)
    assert NetworksStatement.from_bytes(statement.to_bytes()) == statement
    assert len(statement.to_bytes()) < MAX_STATEMENT_BYTES


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "cd" * 32}, "wanted networks of digest abab.*, got a statement about digest 'cdcd"),
        ({"campaign": "other"}, "wanted networks of campaign c-0123"),
        ({"seed": 2}, "wanted networks of seed 1"),
        ({"lead": "entity-b"}, "wanted networks of lead entity-a"),
        ({"made_at": NOW + CLOCK_SKEW_S + 1}, "lies 301 s ahead"),
    ],
)
def test_a_statement_about_something_else_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        verify_networks(sealed(**changes), roster(), **WANTED)


def test_clocks_may_differ_a_little():
    verify_networks(sealed(made_at=NOW + CLOCK_SKEW_S), roster(), **WANTED)


FIRST, SECOND = sealed().signatures


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (replace(sealed(), signatures=()), "unsigned"),
        (replace(sealed(), signatures=(FIRST,)), "downgrade"),
        (replace(sealed(), signatures=(FIRST, FIRST, SECOND)), "duplicate"),
        (seal_networks(identity("entity-b").signing, STATEMENT), "is not one of this signer's"),
        (Envelope(replace(STATEMENT, seed=2).to_bytes(), PAYLOAD_TYPE, sealed().signatures), "does not hold for these bytes"),
        (replace(sealed(), payload_type="text/plain"), "wanted an envelope of"),
        (Envelope(STATEMENT.to_bytes(), PAYLOAD_TYPE, KEYS.sign("text/plain", STATEMENT.to_bytes())), "does not hold"),
        (Envelope(b" " * (MAX_STATEMENT_BYTES + 1), PAYLOAD_TYPE, ()), "may take"),
    ],
)
def test_an_envelope_that_is_not_the_leads_is_refused(envelope, said):
    with pytest.raises(ReleaseError, match=said):
        verify_networks(envelope, roster(), **WANTED)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"revoked_at": NOW}, "is revoked"),
        ({"valid_until": NOW}, "an expired member"),
        ({"roles": frozenset({"relay"})}, "wrong role"),
    ],
)
def test_a_lead_who_may_not_act_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        verify_networks(sealed(), roster(members=(member("entity-a", **changes),)), **WANTED)


PLAIN = {"campaign": "c", "seed": 1, "lead": "entity-a", "digest": "ab" * 32, "made_at": 5, "version": 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "not JSON"),
        (canonical(PLAIN | {"king": 1}), "unknown keys"),
        (canonical(PLAIN | {"version": 2}), "wanted a statement of version 1"),
        (canonical(PLAIN | {"campaign": "../c"}), "campaign must be"),
        (canonical(PLAIN | {"seed": 2**53}), "seed must be"),
        (canonical(PLAIN | {"seed": 1.0}), "seed must be"),
        (canonical(PLAIN | {"lead": ""}), "lead must be"),
        (canonical(PLAIN | {"digest": "ab"}), "digest must be"),
        (canonical(PLAIN | {"made_at": -1}), "made_at must be"),
        (canonical(PLAIN) + b" ", "canonical form"),
    ],
)
def test_a_signed_text_that_is_no_statement_is_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        verify_networks(Envelope(data, PAYLOAD_TYPE, KEYS.sign(PAYLOAD_TYPE, data)), roster(), **WANTED)
