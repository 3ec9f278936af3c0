from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.binding import Binding
from dpm_flower.payload.hpke_keys import HpkeKeys
from dpm_flower.payload.wrapping import SUITE, WRAPPED_BYTES, unwrap, wrap

KEY = bytes(range(32))
OF = Binding(sender="entity-b", campaign="c-0123", sequence=5)
A, C = HpkeKeys.generate(), HpkeKeys.generate()


def test_every_recipient_opens_its_own():
    wrapped = wrap(KEY, {"entity-a": A.public, "entity-c": C.public}, OF)
    assert {len(one) for one in wrapped.values()} == {WRAPPED_BYTES}
    assert unwrap(wrapped["entity-a"], A.private, OF, "entity-a") == KEY
    assert unwrap(wrapped["entity-c"], C.private, OF, "entity-c") == KEY


def test_nothing_repeats():
    assert wrap(KEY, {"entity-a": A.public}, OF) != wrap(KEY, {"entity-a": A.public}, OF)


@pytest.mark.parametrize(
    ("keys", "binding", "name"),
    [
        (C, OF, "entity-a"),
        (A, replace(OF, sender="entity-c"), "entity-a"),
        (A, replace(OF, campaign="c-9"), "entity-a"),
        (A, replace(OF, sequence=6), "entity-a"),
        (A, OF, "entity-c"),
    ],
)
def test_nobody_else_and_for_no_other_release(keys, binding, name):
    wrapped = wrap(KEY, {"entity-a": A.public}, OF)["entity-a"]
    with pytest.raises(ReleaseError, match=f"the key that was wrapped for '{name}' does not open"):
        unwrap(wrapped, keys.private, binding, name)


@pytest.mark.parametrize("change", [lambda w: w[:-1], lambda w: w + b"x", lambda w: b"", lambda w: w[:700] + b"\0" * 9 + w[709:]])
def test_a_wrapped_key_that_was_touched_does_not_open(change):
    wrapped = wrap(KEY, {"entity-a": A.public}, OF)["entity-a"]
    with pytest.raises(ReleaseError, match="does not open"):
        unwrap(change(wrapped), A.private, OF, "entity-a")


def test_a_key_of_another_length_is_none():
    wrapped = SUITE.encrypt(KEY[:16], A.private.public_key(), OF.recipient("entity-a"))
    with pytest.raises(ReleaseError, match="wanted a wrapped key of 32 bytes, got 16"):
        unwrap(wrapped, A.private, OF, "entity-a")


@pytest.mark.parametrize("raw", [b"", A.public[:-1], A.public[:1184] + bytes(32), b"\xff" * 1184 + A.public[1184:]])
def test_a_public_key_that_is_none_is_refused_by_name(raw):
    with pytest.raises(ReleaseError, match="nothing can be wrapped for 'entity-a': "):
        wrap(KEY, {"entity-a": raw}, OF)
