import base64
import hashlib
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import MAX_COMMAS, MAX_ENVELOPE_BYTES, MAX_SIGNATURES, Envelope, Signature

SIGNATURES = st.lists(st.builds(Signature, st.text("abc:09", min_size=1, max_size=9), st.binary(min_size=1, max_size=64)), max_size=3).map(
    tuple
)
PLAIN = {"payload": "aGk=", "payloadType": "text/plain", "signatures": [{"keyid": "k", "sig": "c2ln"}]}


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), SIGNATURES)
def test_round_trip_and_digest(payload, signatures):
    envelope = Envelope(payload, "text/plain", signatures)
    data = envelope.to_bytes()
    assert Envelope.from_bytes(data) == envelope
    assert envelope.digest == hashlib.sha256(data).hexdigest()


def test_layout_is_that_of_dsse():
    plain = json.loads(Envelope(b"hi", "text/plain", (Signature("k", b"sig"),)).to_bytes())
    assert plain == PLAIN
    assert base64.b64decode(plain["payload"]) == b"hi"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x" * (MAX_ENVELOPE_BYTES + 1), "may take"),
        (b"[]", "must be a JSON object"),
        (canonical(PLAIN | {"x": 1}), "unknown keys"),
        (canonical({"payload": "aGk=", "payloadType": "text/plain"}), "lacks signatures"),
        (canonical(PLAIN | {"payload": 7}), "payload must be a string"),
        (canonical(PLAIN | {"payload": "a"}), "payload must be base64"),
        (canonical(PLAIN | {"payload": "aG k="}), "payload must be base64"),
        (canonical(PLAIN | {"payload": "é"}), "payload must be base64"),
        (canonical(PLAIN | {"payload": "aGl="}), "canonical form"),
        (canonical(PLAIN | {"payloadType": ""}), "payloadType"),
        (canonical(PLAIN | {"payloadType": "a\nb"}), "payloadType"),
        (canonical(PLAIN | {"signatures": {}}), "signatures must be an array"),
        (canonical(PLAIN | {"signatures": ["s"]}), "a signature must be a JSON object"),
        (canonical(PLAIN | {"signatures": [{"keyid": "k", "sig": ""}]}), "the length of a signature"),
        (canonical(PLAIN | {"signatures": [{"keyid": "", "sig": "c2ln"}]}), "keyid"),
        (canonical(PLAIN | {"signatures": PLAIN["signatures"] * 17}), "the number of signatures"),
        (canonical(PLAIN | {"signatures": [[]] * 5000}), "may have 4096 commas, got 50"),
        (json.dumps(PLAIN).encode(), "canonical form"),
    ],
)
def test_bytes_that_are_no_envelope_are_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        Envelope.from_bytes(data)


def test_the_longest_envelope_has_fewer_commas_than_a_reader_takes():
    most = Envelope(b"", "," * 200, (Signature("," * 200, b"x"),) * MAX_SIGNATURES).to_bytes()
    assert most.count(b",") <= MAX_COMMAS < 2 * most.count(b",")
    assert Envelope.from_bytes(most).to_bytes() == most


def test_what_anybody_may_send_takes_little_more_memory_than_its_own_size():
    nested = b'{"payload":"","payloadType":"x","signatures":[' + b"[]," * (MAX_ENVELOPE_BYTES // 3 - 20) + b"[]]}"
    tracemalloc.start()
    try:
        with pytest.raises(ReleaseError, match="commas"):
            Envelope.from_bytes(nested)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_payload_too_long_for_its_readers_is_not_written():
    with pytest.raises(ReleaseError, match="may take"):
        Envelope(b"x" * MAX_ENVELOPE_BYTES, "text/plain", ()).to_bytes()
