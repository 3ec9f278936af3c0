import json

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.exchange.claim import MAX_SHARDS, Claim
from dpm_flower.payload import manifest as manifest_module
from dpm_flower.payload.envelope import Envelope
from tests.payload.examples import manifest
from tests.payload.unsigned import Unsigned


def altered(**changes):
    """An envelope over a valid manifest in which some values are others; `...` takes one away."""
    plain = json.loads(manifest().to_bytes()) | changes
    payload = json.dumps({key: value for key, value in plain.items() if value is not ...}).encode()
    return Envelope(payload, "text/plain", ())


def test_it_says_of_a_release_what_its_manifest_says():
    one = manifest()
    claim = Claim.of(Unsigned().seal(one))
    for name in ("sender", "campaign", "sequence", "round", "method", "samples", "made_at", "expires_at", "recipients", "size_bytes"):
        assert getattr(claim, name) == getattr(one, name)
    assert [(entry.name, entry.sha256, entry.size_bytes) for entry in claim.shards] == [
        (entry.name, entry.sha256, entry.size_bytes) for entry in one.shards
    ]


def test_it_allows_as_many_shards_as_a_manifest():
    assert MAX_SHARDS == manifest_module.MAX_SHARDS


def test_what_a_manifest_says_beside_is_passed_over():
    assert Claim.of(altered(more={"than": "known"}, spec=...)) == Claim.of(Unsigned().seal(manifest()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sender": ...}, "lacks sender"),
        ({"sender": "../b"}, "sender must be"),
        ({"campaign": "a/b"}, "campaign must be"),
        ({"method": "\x1b[2J"}, "method must be"),
        ({"sequence": -1}, "sequence must be"),
        ({"samples": 2**63}, "samples must be"),
        ({"made_at": True}, "made_at must be"),
        ({"expires_at": "soon"}, "expires_at must be"),
        ({"recipients": [1]}, "recipients must be"),
        ({"recipients": ["a b"]}, "a recipient must be"),
        ({"shards": []}, "number of shards"),
        ({"shards": [1]}, "a shard's entry must be"),
        ({"shards": [{"name": "a", "sha256": "0" * 64}]}, "lacks size_bytes"),
        ({"shards": [{"name": "a", "sha256": "0" * 64, "size_bytes": 2**40}]}, "the size of shard a"),
    ],
)
def test_what_no_manifest_may_say_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        Claim.of(altered(**changes))


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"7", b"[" * 99999])
def test_what_is_no_manifest_at_all_is_refused(payload):
    with pytest.raises(ReleaseError, match="a manifest"):
        Claim.of(Envelope(payload, "text/plain", ()))
