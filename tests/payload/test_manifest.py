import json
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.payload.envelope import MAX_ENVELOPE_BYTES, MAX_SIGNATURE_BYTES, Envelope, Signature
from dpm_flower.payload.manifest import MAX_MANIFEST_BYTES, MAX_SHARDS, PAYLOAD_TYPE, Manifest
from dpm_flower.payload.released_spec import BoxedSpec, ImageSpec, MaskedSpec
from dpm_flower.payload.segments import ciphertext_size
from dpm_flower.payload.shard import MAX_SHARD_BYTES, ShardEntry
from dpm_flower.payload.wrapping import WRAPPED_BYTES
from tests.payload.confidential_examples import released
from tests.payload.examples import manifest

NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_-]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(categories=["L", "N"], include_characters=" _-=,"), min_size=1, max_size=30)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
SHAPES = st.tuples(*[st.integers(1, 256)] * 3)
FEATURES = st.builds(
    FeatureSpec,
    backbone=TEXTS,
    hook=TEXTS,
    shape=SHAPES,
    featurizer_digest=DIGESTS,
    non_negative=st.booleans(),
    dtype=st.sampled_from(["float16", "float32"]),
    codec=st.sampled_from(["", "webp", "avif-60-6bit"]),
)
SIZES = st.tuples(*[st.integers(1, 256)] * 2)
SPECS = (
    st.builds(ImageSpec, shape=SHAPES)
    | st.builds(MaskedSpec, shape=SHAPES)
    | FEATURES
    | st.builds(lambda features, size: BoxedSpec(features=replace(features, codec=""), size=size), FEATURES, SIZES)
)
ENTRIES = st.builds(ShardEntry, NAMES, DIGESTS, st.integers(1, MAX_SHARD_BYTES)) | st.builds(
    ShardEntry, NAMES, DIGESTS, st.integers(1, MAX_SHARD_BYTES - 1), st.just("zstd"), st.just(MAX_SHARD_BYTES)
)
COUNTS = st.integers(0, 2**53 - 1)
OPEN = st.builds(
    Manifest,
    campaign=NAMES,
    round=COUNTS,
    sequence=COUNTS,
    sender=NAMES,
    method=TEXTS,
    spec=SPECS,
    classes=st.integers(1, 1000),
    samples=st.integers(1, 2**53 - 1),
    shards=st.lists(ENTRIES, min_size=1, max_size=4, unique_by=lambda entry: entry.name).map(tuple),
    made_at=st.integers(0, 2**52),
    expires_at=st.integers(2**52 + 1, 2**53 - 1),
    recipients=st.lists(NAMES, max_size=4, unique=True).map(tuple),
    audit=st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    audit_log_head=st.just("") | DIGESTS,
)


@st.composite
def confidential(draw):
    """A manifest with a wrapped key for each recipient, and with stored sizes as ciphertexts have them."""
    one = draw(OPEN)
    recipients = one.recipients or ("entity-z",)
    keys = {name: draw(st.binary(min_size=1, max_size=4)) * WRAPPED_BYTES for name in recipients}
    packed = draw(st.integers(1, MAX_SHARD_BYTES // 2))
    return replace(
        one,
        recipients=recipients,
        encryption="aes-256-gcm-segments",
        key_commitment=draw(DIGESTS),
        wrapped_keys={name: key[:WRAPPED_BYTES] for name, key in keys.items()},
        shards=(ShardEntry(draw(NAMES), draw(DIGESTS), ciphertext_size(packed), "zstd", packed + 1),),
    )


MANIFESTS = OPEN | confidential()


@settings(max_examples=60, deadline=None)
@given(MANIFESTS)
def test_round_trip(one):
    data = one.to_bytes()
    assert Manifest.from_bytes(data) == one
    assert Manifest.from_bytes(data).to_bytes() == data


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_accepted_is_the_canonical_form_of_what_it_says(data):
    good = manifest().to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    piece = data.draw(st.text(string.printable, max_size=3)).encode()
    changed = good[:at] + piece + good[at + data.draw(st.integers(0, 3)) :]
    try:
        read = Manifest.from_bytes(changed)
    except ReleaseError:
        return
    assert read.to_bytes() == changed
    assert (read == manifest()) == (changed == good)


def test_a_manifest_cannot_change_under_its_signature():
    scores = {"A0.ssim_p": 0.07}
    one = manifest(audit=scores)
    scores["A0.ssim_p"] = 0.0
    assert one.audit["A0.ssim_p"] == 0.07
    with pytest.raises(TypeError, match="item assignment"):
        one.audit["A0.ssim_p"] = 0.0


def test_nor_can_the_keys_in_it():
    one, _, _ = released()
    keys = dict(one.wrapped_keys)
    other = replace(one, wrapped_keys=keys)
    keys["entity-a"] = b""
    assert other == one
    with pytest.raises(TypeError, match="item assignment"):
        one.wrapped_keys["entity-a"] = b""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 1}, "version 2, got 1"),
        ({"version": 3}, "version 2, got 3"),
        ({"campaign": "a/b"}, "campaign must be"),
        ({"sender": ".."}, "sender must be"),
        ({"sender": "a\0b"}, "sender must be"),
        ({"method": "../dpm"}, "method must be"),
        ({"method": ""}, "method must be"),
        ({"round": -1}, "round must be"),
        ({"sequence": -1}, "sequence must be"),
        ({"sequence": 2**53}, "sequence must be"),
        ({"sequence": True}, "sequence must be"),
        ({"samples": 0}, "samples must be"),
        ({"samples": -4}, "samples must be"),
        ({"classes": 0}, "classes must be"),
        ({"classes": 2**25}, "classes must be"),
        ({"made_at": -1}, "made_at must be"),
        ({"made_at": 10, "expires_at": 10}, "must expire after"),
        ({"recipients": ("a", "b/c")}, "a recipient must be"),
        ({"recipients": ("a", "a")}, "recipients must have different names"),
        ({"recipients": tuple(f"e{n}" for n in range(1025))}, "the number of recipients"),
        ({"shards": ()}, "the number of shards"),
        ({"shards": (ShardEntry("a", "0" * 64, 1), ShardEntry("a", "1" * 64, 1))}, "shards must have different names"),
        ({"shards": tuple(ShardEntry(f"s{n}", "0" * 64, 1) for n in range(MAX_SHARDS + 1))}, "the number of shards"),
        ({"audit": {"A0": float("nan")}}, "audit A0 must be a finite float"),
        ({"audit": {"A0": 1}}, "audit A0 must be a finite float"),
        ({"audit": {"a/b": 0.5}}, "an audit score's name"),
        ({"audit": {f"s{n}": 0.5 for n in range(257)}}, "the number of audit scores"),
        ({"spec": ImageSpec(shape=(1 << 20, 1 << 20, 1))}, "one sample may have"),
        ({"audit_log_head": "ab"}, "audit_log_head must be a SHA-256"),
        ({"encryption": "rot13"}, "the encryption of a release must be"),
        ({"encryption": "aes-256-gcm-segments"}, "key_commitment must be"),
        ({"encryption": "aes-256-gcm-segments", "key_commitment": "0" * 64}, "a wrapped key for each recipient"),
        ({"key_commitment": "0" * 64}, "without encryption has no keys"),
        ({"shards": (ShardEntry("a", "0" * 64, 9, "none", 10),)}, "which cannot hold 10"),
    ],
)
def test_values_that_no_reader_takes_cannot_be_made(changes, said):
    with pytest.raises(ReleaseError, match=said):
        manifest(**changes)


def changed(**changes):
    plain = json.loads(manifest().to_bytes()) | changes
    return canonical({key: value for key, value in plain.items() if value is not None})


ENTRY = {"name": "a", "sha256": "0" * 64, "size_bytes": 9, "compression": "none", "content_bytes": 9}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "may take"),
        (changed(extra=1), "unknown keys"),
        (changed(expires_at=None), "lacks expires_at"),
        (changed(version=1), "version 2, got 1"),
        (changed(version="1"), "version must be a whole number"),
        (changed(samples=10.0), "samples must be a whole number"),
        (changed(samples=True), "samples must be a whole number"),
        (changed(samples=-1), "samples must be"),
        (changed(sender=["b"]), "sender must be a string"),
        (changed(recipients="entity-a"), "recipients must be an array"),
        (changed(kind="updates"), 'must be "features", "images", "boxed-features" or "masked-images"'),
        (changed(kind="images"), "unknown keys"),
        (changed(audit={"A0": 1}), "object of floats"),
        (changed(shards={"name": "a"}), "shards must be an array"),
        (changed(shards=["a"]), "a shard's entry must be a JSON object"),
        (changed(shards=[ENTRY | {"path": "/"}]), "a shard's entry has unknown keys"),
        (changed(shards=[ENTRY | {"name": "../a"}]), "a shard's name must be"),
        (changed(shards=[ENTRY | {"size_bytes": 2**40}]), "the size of shard a"),
        (changed(shards=[ENTRY | {"sha256": "0"}]), "the digest of shard a"),
        (changed(shards=[ENTRY | {"compression": "gzip"}]), "must be none or zstd"),
        (changed(shards=[ENTRY | {"content_bytes": 2**40}]), "the content size of shard a"),
        (changed(shards=[ENTRY | {"content_bytes": 0}]), "canonical form"),
        (changed(wrapped_keys=["a"]), "wrapped_keys must be an object of strings"),
        (changed(wrapped_keys={"a": 1}), "wrapped_keys must be an object of strings"),
        (changed(wrapped_keys={"a": "§"}), "the key for 'a' must be base64"),
        (manifest().to_bytes().replace(b'"round":2', b'"round":NaN'), "NaN is no JSON number"),
        (manifest().to_bytes().replace(b'"A0.ssim_p":0.07', b'"A0.ssim_p":1e999'), "finite float"),
        (manifest().to_bytes().replace(b'"round":2', b'"round":2,"round":2'), "a key appears twice"),
        (manifest().to_bytes().replace(b":", b": "), "canonical form"),
        (manifest().to_bytes().replace(b"\\u03bb", "λ".encode()), "canonical form"),
        (manifest().to_bytes() + b"\n", "canonical form"),
    ],
)
def test_bytes_that_are_no_manifest_are_refused(data, said):
    with pytest.raises(ReleaseError, match=said):
        Manifest.from_bytes(data)


def test_the_most_shards_that_are_allowed_and_the_keys_of_100_recipients_can_be_written_and_read():
    entry = ("f" * 64, MAX_SHARD_BYTES, "zstd", MAX_SHARD_BYTES)
    shards = tuple(ShardEntry(f"features-{n:05d}.safetensors", *entry) for n in range(MAX_SHARDS))
    names = tuple(f"hospital-{n:03d}" for n in range(100))
    one = manifest(
        shards=shards,
        recipients=names,
        encryption="aes-256-gcm-segments",
        key_commitment="f" * 64,
        wrapped_keys=dict.fromkeys(names, bytes(WRAPPED_BYTES)),
    )
    assert (
        len(Envelope(one.to_bytes(), PAYLOAD_TYPE, (Signature("k" * 64, bytes(MAX_SIGNATURE_BYTES)),) * 2).to_bytes()) < MAX_ENVELOPE_BYTES
    )
    assert Manifest.from_bytes(one.to_bytes()).size_bytes == MAX_SHARDS * MAX_SHARD_BYTES


def test_a_manifest_too_long_for_its_readers_is_not_written():
    shards = tuple(ShardEntry(f"{'n' * 120}-{n:05d}", "f" * 64, MAX_SHARD_BYTES) for n in range(MAX_SHARDS))
    recipients = tuple(f"{'r' * 120}-{n}" for n in range(1024))
    big = manifest(shards=shards, recipients=recipients, audit={"生" * 190 + str(n): 0.5 for n in range(256)})
    with pytest.raises(ReleaseError, match="may take"):
        big.to_bytes()
