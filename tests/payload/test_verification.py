from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.confidential import commitment
from dpm_flower.payload.envelope import Envelope, Signature
from dpm_flower.payload.manifest import MAX_MANIFEST_BYTES, PAYLOAD_TYPE
from dpm_flower.payload.released_spec import BoxedSpec, ImageSpec, MaskedSpec
from dpm_flower.payload.verification import CLOCK_SKEW_S, Admission, authentic, verified
from tests.payload.confidential_examples import OTHER, READER, released
from tests.payload.examples import NOW, SPEC, expectation, manifest

CODED = replace(SPEC, codec="avif-60")
BOXED = BoxedSpec(features=SPEC, size=(12, 8))
MASKED = MaskedSpec(shape=(3, 8, 8))


def accept(envelope, _):
    """Stands for a check of signatures that passes."""


def sealed(one, payload_type=PAYLOAD_TYPE, signatures=()):
    return Envelope(one.to_bytes(), payload_type, signatures)


def test_what_comes_out_is_what_was_sealed():
    envelope = sealed(manifest())
    release = verified(envelope, expectation(), accept)
    assert (release.manifest, release.envelope, release.digest) == (manifest(), envelope, envelope.digest)


@pytest.mark.parametrize(
    ("changes", "asked", "said"),
    [
        ({"sender": "entity-x"}, {}, "wanted a release of entity-b, got one of entity-x"),
        ({"campaign": "other"}, {}, "wanted a release of campaign c-0123, got one of other"),
        ({}, {"receiver": "entity-z"}, "not for entity-z"),
        ({"spec": ImageSpec(shape=(3, 8, 8))}, {}, "wanted a release of features, got images"),
        ({"spec": replace(SPEC, backbone="vgg16")}, {}, "wanted backbone resnet20, got 'vgg16'"),
        ({"spec": replace(SPEC, hook="conv4_1")}, {}, "wanted hook"),
        ({"spec": replace(SPEC, shape=(4, 2, 3))}, {}, "wanted shape"),
        ({"spec": replace(SPEC, featurizer_digest="cd" * 32)}, {}, "wanted featurizer_digest"),
        ({"spec": replace(SPEC, non_negative=False)}, {}, "wanted non_negative"),
        ({"spec": replace(SPEC, dtype="float32")}, {}, "wanted dtype"),
        ({"spec": ImageSpec(shape=(3, 8, 8))}, {"spec": MASKED}, "wanted a release of masked-images, got images"),
        ({"spec": MaskedSpec(shape=(3, 8, 9))}, {"spec": MASKED}, r"wanted shape \(3, 8, 8\), got \(3, 8, 9\)"),
        ({"spec": BOXED}, {}, "wanted a release of features, got boxed-features"),
        ({}, {"spec": BOXED}, "wanted a release of boxed-features, got features"),
        ({"spec": replace(BOXED, size=(12, 9))}, {"spec": BOXED}, r"wanted size \(12, 8\), got \(12, 9\)"),
        ({"spec": replace(BOXED, features=replace(SPEC, hook="conv4_1"))}, {"spec": BOXED}, "wanted hook conv3_1, got 'conv4_1'"),
        ({"classes": 8}, {}, "wanted labels of 7 classes, got 8"),
        ({}, {"max_bytes": 149}, "a release may take 149 bytes, got 150"),
        ({"spec": CODED}, {"spec": CODED, "max_bytes": 200}, "may take 200 bytes, got one of .* once it is decoded"),
        ({"made_at": NOW + CLOCK_SKEW_S + 1}, {}, "lies 301 s ahead"),
        ({"expires_at": NOW}, {}, "expired"),
    ],
)
def test_a_release_that_was_not_expected_is_refused_and_not_remembered(changes, asked, said):
    replays = {}
    with pytest.raises(ReleaseError, match=said):
        verified(sealed(manifest(**changes)), expectation(replays=replays, **asked), accept)
    assert replays == {}


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"recipients": ()}, {"receiver": "entity-z"}),
        ({}, {"receiver": ""}),
        ({}, {"receiver": "entity-b"}),
        ({}, {"max_bytes": 150}),
        ({"spec": CODED}, {"spec": CODED, "max_bytes": 10_000}),
        ({"spec": BOXED}, {"spec": BOXED}),
        ({"made_at": NOW + CLOCK_SKEW_S}, {}),
        ({"expires_at": NOW + 1}, {}),
    ],
)
def test_the_edge_of_what_is_expected_passes(changes, asked):
    verified(sealed(manifest(**changes)), expectation(**asked), accept)


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (Envelope(b" " * (MAX_MANIFEST_BYTES + 1), PAYLOAD_TYPE, ()), "a manifest may take"),
        (sealed(manifest(), "application/vnd.in-toto+json"), "wanted an envelope of"),
        (Envelope(b"{}", PAYLOAD_TYPE, ()), "a manifest lacks"),
    ],
)
def test_an_envelope_that_holds_no_manifest_is_refused(envelope, said):
    with pytest.raises(ReleaseError, match=said):
        verified(envelope, expectation(), accept)


def admission(**changes):
    return Admission(**({"campaign": "c-0123", "sender": "entity-b", "now": NOW, "replays": {}} | changes))


def test_a_relay_holds_what_it_cannot_read():
    one, _, _ = released()
    assert authentic(sealed(one), admission(), accept).manifest == one


@pytest.mark.parametrize(
    ("changes", "asked", "said"),
    [
        ({"sender": "entity-x"}, {}, "wanted a release of entity-b, got one of entity-x"),
        ({"campaign": "other"}, {}, "wanted a release of campaign c-0123, got one of other"),
        ({}, {"max_bytes": 149}, "a release may take 149 bytes, got 150"),
        ({"made_at": NOW + CLOCK_SKEW_S + 1}, {}, "lies 301 s ahead"),
        ({"expires_at": NOW}, {}, "expired"),
        ({}, {"replays": {("entity-b", "c-0123", 5): "another"}}, "replay"),
    ],
)
def test_a_relay_refuses_what_anybody_would(changes, asked, said):
    replays = asked.get("replays", {}).copy()
    with pytest.raises(ReleaseError, match=said):
        authentic(sealed(manifest(**changes)), admission(**{"replays": replays} | asked), accept)
    assert replays == asked.get("replays", {})


def test_a_relay_checks_signatures_first():
    def refuse(envelope, _):
        raise ReleaseError("forged")

    with pytest.raises(ReleaseError, match="forged"):
        authentic(Envelope(b"\x80 no JSON", PAYLOAD_TYPE, ()), admission(), refuse)


def test_a_recipient_holds_the_key_and_a_plain_release_has_none():
    one, _, _ = released()
    assert commitment(verified(sealed(one), expectation(hpke=READER), accept).key) == one.key_commitment
    assert (
        verified(sealed(one), expectation(receiver="entity-c", hpke=OTHER), accept).key
        == verified(sealed(one), expectation(hpke=READER), accept).key
    )
    assert verified(sealed(manifest()), expectation(hpke=READER), accept).key == b""


@pytest.mark.parametrize(
    ("changes", "asked", "said"),
    [
        ({}, {"hpke": OTHER}, "the key that was wrapped for 'entity-a' does not open"),
        ({}, {"receiver": "entity-c", "hpke": READER}, "the key that was wrapped for 'entity-c' does not open"),
        ({}, {"hpke": None}, "entity-a has no private key here"),
        ({}, {"receiver": ""}, "no key for ''"),
        ({}, {"receiver": "entity-b"}, "no key for 'entity-b'"),
        ({"key_commitment": "0" * 64}, {}, "not the one to which the manifest commits"),
        ({"sequence": 6}, {}, "the key that was wrapped for 'entity-a' does not open"),
    ],
)
def test_a_confidential_release_is_verified_by_its_recipients_only(changes, asked, said):
    one, _, _ = released(**changes)
    replays = {}
    with pytest.raises(ReleaseError, match=said):
        verified(sealed(one), expectation(**{"hpke": READER, "replays": replays} | asked), accept)
    assert replays == {}


def test_nothing_is_decoded_before_the_signatures_were_checked():
    def refuse(envelope, _):
        raise ReleaseError("forged")

    with pytest.raises(ReleaseError, match="forged"):
        verified(Envelope(b"\x80 no JSON", PAYLOAD_TYPE, ()), expectation(), refuse)


def test_another_manifest_under_a_used_sequence_is_a_replay_and_the_same_again_is_not():
    replays = {}
    asked = expectation(replays=replays)
    verified(sealed(manifest()), asked, accept)
    verified(sealed(manifest()), asked, accept)
    verified(sealed(manifest(sequence=6, samples=11)), asked, accept)
    with pytest.raises(ReleaseError, match="replay: entity-b used sequence 5"):
        verified(sealed(manifest(samples=11)), asked, accept)
    verified(sealed(manifest()), asked, accept)
    assert replays.keys() == {("entity-b", "c-0123", 5), ("entity-b", "c-0123", 6)}


def test_a_signature_that_a_relay_added_does_not_make_a_release_its_own_replay():
    asked = expectation()
    verified(sealed(manifest(), signatures=(Signature("relay", b"x"),)), asked, accept)
    verified(sealed(manifest()), asked, accept)
