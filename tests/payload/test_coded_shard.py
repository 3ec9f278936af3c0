"""Releases of features in a codec, as their readers meet them: through encode and decode."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.shared import ModelUpdate, SharedFeatures
from dpm_flower.payload import codec
from dpm_flower.payload.codec import HEADER_BYTES, LABEL_BYTES, as_received, decode, decode_each, encode, largest_shard
from dpm_flower.payload.compression import compressed
from dpm_flower.payload.shard import Shard
from tests.payload.examples import CLASSES, SPEC, features, images

WEBP = replace(SPEC, codec="webp")
SAMPLE_BYTES = 4 * 3 * 2 * 2 + LABEL_BYTES


def batch(samples=10, name="webp"):
    return replace(features(samples), codec=name)


def read(shards, spec=WEBP, samples=10):
    return decode(shards, spec, classes=CLASSES, samples=samples)


@pytest.mark.parametrize("name", ["webp", "avif-100", "webp-4bit"])
def test_features_come_back_within_half_a_level_with_their_labels(name):
    sent = batch(name=name)
    came = read(encode(sent), replace(SPEC, codec=name))
    steps = sent.features.amax((0, 2, 3), keepdim=True) / (15 if "4bit" in name else 255)
    assert came.features.dtype == torch.float32
    assert bool(((came.features - sent.features).abs() <= steps / 2 + 1e-5).all())
    assert torch.equal(came.labels, sent.labels)
    assert came.codec == ""


@pytest.mark.parametrize(("samples", "per_shard"), [(1, 1), (10, 3), (12, 4), (5, 9)])
def test_a_shard_holds_as_many_samples_as_without_a_codec(samples, per_shard):
    shards = encode(batch(samples), max_shard_bytes=per_shard * SAMPLE_BYTES + HEADER_BYTES)
    each = list(decode_each(shards, WEBP, classes=CLASSES, samples=samples))
    assert [len(piece.labels) for piece in each[:-1]] == [per_shard] * (len(shards) - 1)
    whole = read(shards, samples=samples)
    assert torch.equal(torch.cat([piece.features for piece in each]), whole.features)
    assert torch.equal(whole.labels, batch(samples).labels)


def test_equal_batches_give_equal_bytes_whatever_their_memory_layout():
    sent = batch(name="avif-50")
    other = replace(sent, features=sent.features.contiguous(memory_format=torch.channels_last).requires_grad_())
    assert encode(sent) == encode(other)


def test_a_codec_takes_fewer_bytes_than_numbers_do_even_compressed():
    smooth = torch.linspace(0, 1, 32).outer(torch.linspace(0, 1, 32)) * torch.rand(40, 8, 1, 1)
    labels = torch.zeros(40, dtype=torch.int64)
    (numbers,), (coded,) = (encode(SharedFeatures(smooth, labels, name)) for name in ("", "avif-50"))
    assert len(coded.data) < len(compressed(numbers.data)) / 10


def test_what_readers_get_is_known_beforehand(monkeypatch):
    sent = batch(33, "avif-30")
    came = as_received(sent)
    assert torch.equal(came.features, read(encode(sent), replace(SPEC, codec="avif-30"), 33).features)
    assert came.codec == ""
    assert as_received(came) is came
    monkeypatch.setattr(codec, "SHARD_BYTES", 7 * SAMPLE_BYTES + HEADER_BYTES)
    monkeypatch.setattr(encode, "__kwdefaults__", encode.__kwdefaults__ | {"max_shard_bytes": codec.SHARD_BYTES})
    shards = encode(sent)
    assert len(shards) == 5
    assert torch.equal(as_received(sent).features, read(shards, replace(SPEC, codec="avif-30"), 33).features)


@pytest.mark.parametrize("other", [features(), images(), ModelUpdate({}, 1)])
def test_without_a_codec_readers_get_what_is_shared(other):
    assert as_received(other) is other


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (replace(batch(), features=batch().features + float("nan")), "must be finite"),
        (replace(batch(), features=batch().features + 1e6), "may reach 65504"),
        (replace(batch(), labels=batch().labels - 9), "labels must be >= 0"),
    ],
)
def test_what_cannot_be_released_is_refused(sent, said):
    with pytest.raises(ReleaseError, match=said):
        encode(sent)


def test_an_unknown_codec_is_refused():
    with pytest.raises(SettingError, match="a codec is"):
        encode(batch(name="gif"))


@pytest.mark.parametrize("samples", [1, 10, 999])
@pytest.mark.parametrize("name", ["webp", "avif-100"])
def test_no_shard_is_larger_than_its_samples_allow(samples, name):
    (one,) = encode(batch(samples, name))
    assert one.size_bytes <= largest_shard(replace(SPEC, codec=name), samples)


def test_what_few_bytes_may_stand_for_is_bounded_whatever_a_manifest_says():
    assert largest_shard(WEBP, 2**50) < 3 << 30


GOOD = load(encode(batch())[0].data)


def shard(**changes):
    return [Shard("s", save({name: value for name, value in (GOOD | changes).items() if value is not None}))]


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([Shard("s", b"")], "not safetensors"),
        (encode(features()), "must hold labels, low, high, lengths, pictures"),
        (shard(low=None), "must hold labels, low, high, lengths, pictures"),
        (shard(more=GOOD["low"]), "must hold labels, low, high, lengths, pictures"),
        (shard(low=GOOD["low"].astype(np.float16)), "low in shard s must be F32 of one dimension, got F16"),
        (shard(labels=GOOD["labels"][:, None]), "labels in shard s must be I64 of one dimension"),
        (shard(pictures=GOOD["pictures"].astype(np.int8)), "pictures in shard s must be U8"),
        (shard(labels=GOOD["labels"][:0]), "may hold 1 to 10 samples, got 0"),
        (shard(labels=GOOD["labels"][:9]), "shard s: wanted a picture of"),
        (shard(labels=np.zeros(11, np.int64)), "may hold 1 to 10 samples, got 11"),
        (shard(labels=np.zeros(10**6, np.int64)), "may hold 1 to 10 samples, got 1000000"),
        (shard() * 2, "may hold 1 to 0 samples, got 10"),
        (shard(low=GOOD["low"][:3]), "bounds of 4 channels, got 3"),
        (shard(low=GOOD["high"], high=GOOD["low"]), "must rise and be finite"),
        (shard(low=GOOD["low"] * np.nan), "must rise and be finite"),
        (shard(high=GOOD["high"] + np.inf), "must rise and be finite"),
        (shard(high=GOOD["high"] * 0 + 7e4), "within 65504.0 of 0"),
        (shard(lengths=GOOD["lengths"] + 1), "bytes of pictures, got lengths of"),
        (shard(lengths=np.array([-1, len(GOOD["pictures"]) + 1])), "bytes of pictures, got lengths of"),
        (shard(lengths=np.repeat(GOOD["lengths"], 2), pictures=np.tile(GOOD["pictures"], 2)), "wanted 1 pictures of 10 samples, got 2"),
        (shard(pictures=GOOD["pictures"][::-1].copy()), "shard s: wanted a picture in the plain form"),
        (shard(labels=GOOD["labels"] * 0 - 1), r"labels must lie in \[0, 7\)"),
        (shard(labels=GOOD["labels"] + CLASSES), r"labels must lie in \[0, 7\)"),
    ],
)
def test_shards_that_are_not_what_the_manifest_says_are_refused(shards, said):
    with pytest.raises(ReleaseError, match=said):
        read(shards)


def test_numbers_are_no_release_in_a_codec_and_the_other_way_round():
    with pytest.raises(ReleaseError, match="must hold features and labels"):
        read(encode(batch()), SPEC)


def test_a_shard_that_claims_more_than_fits_is_refused_before_anything_is_decoded(monkeypatch):
    wide = replace(WEBP, shape=(1 << 15, 128, 128))
    few = Shard("s", save(GOOD | {"labels": np.zeros(2, np.int64)}))
    with pytest.raises(ReleaseError, match="may hold 1 to 1 samples, got 2"):
        decode([few], wide, classes=CLASSES, samples=2)


@pytest.mark.parametrize("name", ["webp", "avif-50"])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_bytes_whatever_can_crash_the_reader_or_pass_as_something_else(name, data):
    good = encode(batch(3, name))[0].data
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=12)) + good[at + data.draw(st.integers(0, 12)) :]
    try:
        came = read([Shard("s", changed)], replace(SPEC, codec=name), 3)
    except ReleaseError:
        return
    assert came.features.shape == (3, *SPEC.shape)
    assert bool(came.features.isfinite().all())
