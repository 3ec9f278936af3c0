"""What bytes from strangers meet first: bytes -> whether they were taken.

Raises if anything but a refusal comes out, or if what was taken is not sound.
"""

import hashlib

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.codec import decode, encode
from dpm_flower.payload.compression import compressed, decompressed
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.manifest import PAYLOAD_TYPE, Manifest
from dpm_flower.payload.segments import SEGMENT_BYTES, decrypt, encrypt
from dpm_flower.payload.shard import Shard
from tests.payload.confidential_examples import released
from tests.payload.examples import CLASSES, SPEC, features, manifest

CONTENT, KEY = b"0123456789" * 100, bytes(32)


def envelope(data):
    try:
        one = Envelope.from_bytes(data)
    except ReleaseError:
        return False
    assert one.to_bytes() == data
    assert one.digest == hashlib.sha256(data).hexdigest()
    return True


def manifest_text(data):
    try:
        one = Manifest.from_bytes(data)
    except ReleaseError:
        return False
    assert one.to_bytes() == data
    return True


def shard(data):
    try:
        came = decode([Shard("s", data)], SPEC, classes=CLASSES, samples=3)
    except ReleaseError:
        return False
    assert came.features.shape == (3, *SPEC.shape)
    assert bool(came.features.isfinite().all())
    assert 0 <= int(came.labels.min()) <= int(came.labels.max()) < CLASSES
    return True


def frame(data):
    size = 0
    try:
        for piece in decompressed([data], len(CONTENT)):
            size += len(piece)
            assert size <= len(CONTENT)
    except ReleaseError:
        return False
    assert size == len(CONTENT)
    return True


def ciphertext(data):
    size = 0
    try:
        for piece in decrypt([data], KEY, b"fuzz"):
            size += len(piece)
            assert len(piece) < SEGMENT_BYTES
    except ReleaseError:
        return False
    assert size < len(data)
    return True


def _manifests():
    return [manifest().to_bytes(), released()[0].to_bytes()]


TARGETS = {
    "envelope": (envelope, lambda: [Envelope(text, PAYLOAD_TYPE, (Signature("k", b"sig"),) * 2).to_bytes() for text in _manifests()]),
    "manifest": (manifest_text, _manifests),
    "shard": (shard, lambda: [encode(features(3))[0].data]),
    "frame": (frame, lambda: [compressed(CONTENT)]),
    "ciphertext": (ciphertext, lambda: [b"".join(encrypt([CONTENT], KEY, b"fuzz"))]),
}
