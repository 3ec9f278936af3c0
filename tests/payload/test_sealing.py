import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import sealing
from dpm_flower.payload.segments import SEGMENT_BYTES, ciphertext_size
from dpm_flower.payload.shard import ShardEntry
from dpm_flower.payload.wrapping import WRAPPED_BYTES

GCM = "aes-256-gcm-segments"
HEAD = "ab" * 32
WRAPPED = bytes(WRAPPED_BYTES)


def test_names_of_encryptions_are_known_or_refused():
    assert [sealing.encryption(name) for name in ("none", GCM)] == ["none", GCM]
    with pytest.raises(ReleaseError, match="must be none or aes-256-gcm-segments, got 'rot13'"):
        sealing.encryption("rot13")


@pytest.mark.parametrize("keys", [{"a": WRAPPED, "c": WRAPPED}, {"a": WRAPPED, "c": WRAPPED, "b": WRAPPED}])
def test_a_key_for_each_recipient_and_maybe_for_the_sender(keys):
    sealing.check(GCM, HEAD, keys, "b", ("a", "c"))


@pytest.mark.parametrize(
    ("of", "commitment", "keys", "recipients", "said"),
    [
        ("none", HEAD, {}, ("a",), "without encryption has no keys"),
        ("none", "", {"a": WRAPPED}, ("a",), "without encryption has no keys"),
        (GCM, "", {"a": WRAPPED}, ("a",), "key_commitment must be a SHA-256"),
        (GCM, HEAD, {}, (), "must name its recipients"),
        (GCM, HEAD, {}, ("a",), "none for \\['a'\\]"),
        (GCM, HEAD, {"a": WRAPPED}, ("a", "c"), "none for \\['c'\\]"),
        (GCM, HEAD, {"a": WRAPPED, "x": WRAPPED}, ("a",), "got one for \\['x'\\]"),
        (GCM, HEAD, {"a": WRAPPED[:-1]}, ("a",), "the length of the key for a must be"),
        ("rot13", "", {}, ("a",), "the encryption of a release"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_refused(of, commitment, keys, recipients, said):
    with pytest.raises(ReleaseError, match=said):
        sealing.check(of, commitment, keys, "b", recipients)


@pytest.mark.parametrize(
    ("stored", "compression", "content", "of"),
    [
        (100, "none", 100, "none"),
        (99, "zstd", 100, "none"),
        (ciphertext_size(100), "none", 100, GCM),
        (ciphertext_size(99), "zstd", 100, GCM),
        (ciphertext_size(3 * SEGMENT_BYTES), "none", 3 * SEGMENT_BYTES, GCM),
    ],
)
def test_sizes_that_belong_to_each_other_pass(stored, compression, content, of):
    sealing.check_sizes(ShardEntry("s", HEAD, stored, compression, content), of)


@pytest.mark.parametrize(
    ("stored", "compression", "content", "of", "said"),
    [
        (100, "none", 101, "none", "stores 100 bytes with compression none, which cannot hold 101"),
        (100, "zstd", 100, "none", "stores 100 bytes with compression zstd, which cannot hold 100"),
        (100, "none", 100, GCM, "stores 44 bytes with compression none, which cannot hold 100"),
        (ciphertext_size(100), "zstd", 100, GCM, "stores 100 bytes with compression zstd"),
        (56, "zstd", 100, GCM, "no ciphertext has the 56 bytes of shard s"),
        (7, "zstd", 100, GCM, "no ciphertext has the 7 bytes of shard s"),
        (SEGMENT_BYTES + 16, "zstd", 1 << 22, GCM, "no ciphertext has the 1048592 bytes"),
    ],
)
def test_sizes_that_cannot_belong_to_each_other_are_refused(stored, compression, content, of, said):
    with pytest.raises(ReleaseError, match=said):
        sealing.check_sizes(ShardEntry("s", HEAD, stored, compression, content), of)


def test_keys_come_back_from_their_form_in_json():
    keys = {"a": WRAPPED, "c": b"\xff" * WRAPPED_BYTES}
    assert sealing.keys_from_plain(sealing.keys_to_plain(keys)) == keys


def test_what_is_no_base64_is_refused_with_whose_it_is():
    with pytest.raises(ReleaseError, match="the key for 'a' must be base64"):
        sealing.keys_from_plain({"a": "§"})
