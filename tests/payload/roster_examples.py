"""A small consortium: three coordinators, two of whom sign, and rosters made by them."""

from dataclasses import replace
from functools import cache

from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.quorum import Coordinator
from dpm_flower.payload.roster import Member, Roster
from dpm_flower.payload.roster_envelope import PAYLOAD_TYPE
from dpm_flower.payload.roster_text import to_text
from tests.payload.examples import NOW

DAY = 86400


def identity(name, generation=0):
    """An identity whose card was made `generation` days later than the first one of that name; without ML-DSA-65 if odd."""
    return _identity(name, generation)


@cache
def _identity(name, generation):
    return Identity.generate(name, f"{name}.example.org:8443", now=NOW - DAY + generation * DAY, post_quantum=generation % 2 == 0)


def card(name, generation=0):
    return identity(name, generation).card


def coordinator(name, generation=0):
    return Coordinator(name, card(name, generation).signing)


def member(name, generation=0, **changes):
    plain = {"card": card(name, generation), "roles": frozenset({"entity"}), "valid_from": NOW - 10, "valid_until": NOW + DAY}
    return Member(**(plain | changes))


_ROSTER = Roster(
    consortium="Retina consortium, Köln",
    version=3,
    made_at=NOW - 10,
    expires_at=NOW + 2 * DAY,
    coordinators=(coordinator("ada"), coordinator("bea"), coordinator("cyd")),
    threshold=2,
    members=(member("entity-a"), member("entity-b", roles=frozenset({"entity", "relay"})), member("relay-r", roles=frozenset({"relay"}))),
)


def roster(**changes):
    return replace(_ROSTER, **changes)


def signed(one, *names, generation=0):
    """A roster, signed by these coordinators."""
    payload = to_text(one)
    signatures = [each for name in names for each in identity(name, generation).signing.sign(PAYLOAD_TYPE, payload)]
    return Envelope(payload, PAYLOAD_TYPE, tuple(signatures))


def with_signatures_of(envelope, *names, generation=0):
    """The same envelope, signed by these coordinators too."""
    more = [each for name in names for each in identity(name, generation).signing.sign(PAYLOAD_TYPE, envelope.payload)]
    return replace(envelope, signatures=(*envelope.signatures, *more))
