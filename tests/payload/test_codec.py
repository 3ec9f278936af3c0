from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.labelled import as_bytes, as_floats
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.payload.codec import HEADER_BYTES, LABEL_BYTES, decode, decode_each, encode, largest_shard
from dpm_flower.payload.released_spec import ImageSpec
from dpm_flower.payload.shard import MAX_SHARD_BYTES, Shard
from tests.payload.examples import CLASSES, SPEC, features, images

IMAGES = ImageSpec(shape=(3, 5, 4))
SAMPLE_BYTES = 4 * 3 * 2 * 2 + LABEL_BYTES


def read(shards, spec=SPEC, samples=10):
    return decode(shards, spec, classes=CLASSES, samples=samples)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12))
def test_features_come_back_as_float16_would_have_them_in_bounded_shards(samples, per_shard):
    batch, limit = features(samples), per_shard * SAMPLE_BYTES + HEADER_BYTES
    shards = encode(batch, max_shard_bytes=limit)
    came = read(shards, samples=samples)
    assert isinstance(came, SharedFeatures)
    assert came.features.dtype == torch.float32
    assert torch.equal(came.features, batch.features.half().float())
    assert torch.equal(came.labels, batch.labels)
    assert len(shards) == -(-samples // per_shard)
    assert max(shard.size_bytes for shard in shards) <= limit
    assert len({shard.name for shard in shards}) == len(shards)


def test_float32_features_come_back_exactly():
    batch = features()
    came = read(encode(batch, dtype="float32"), replace(SPEC, dtype="float32"))
    assert torch.equal(came.features, batch.features)


def test_images_come_back_within_half_a_grey_level_and_then_stay():
    batch = images()
    shards = encode(batch, max_shard_bytes=700)
    came = read(shards, IMAGES)
    assert isinstance(came, SharedImages)
    assert came.images.dtype == torch.uint8
    assert float((as_floats(came.images) - batch.images).abs().max()) <= 0.5 / 255 + 1e-6
    assert encode(came, max_shard_bytes=700) == shards


def test_every_grey_level_survives():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    as_bytes, as_shares = (encode(SharedImages(images, torch.zeros(1, dtype=torch.int64))) for images in (levels, as_floats(levels)))
    assert as_bytes == as_shares
    assert torch.equal(read(as_bytes, ImageSpec(shape=(1, 16, 16)), 1).images, levels)


@pytest.mark.parametrize("make", [features, images])
def test_equal_batches_give_equal_bytes_whatever_their_memory_layout(make):
    batch = make()
    name = "features" if make is features else "images"
    other = replace(batch, **{name: getattr(batch, name).contiguous(memory_format=torch.channels_last).requires_grad_()})
    assert encode(batch, max_shard_bytes=700) == encode(other, max_shard_bytes=700)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("make", [features, images])
@pytest.mark.parametrize("samples", [1, 10, 33])
def test_shards_have_the_bytes_that_safetensors_itself_writes(make, samples, dtype):
    batch = make(samples)
    values, labels = (batch.features.to(getattr(torch, dtype)) if make is features else as_bytes(batch.images)), batch.labels
    shards, start = encode(batch, dtype=dtype, max_shard_bytes=900), 0
    for shard in shards:
        end = start + len(load(shard.data)["labels"])
        assert shard.data == save({make.__name__: values[start:end].contiguous(), "labels": labels[start:end].contiguous()})
        start = end
    assert start == samples


def test_the_batch_is_left_as_it_was():
    batch = images()
    before = batch.images.clone()
    read(encode(batch), IMAGES)
    assert torch.equal(batch.images, before)


LABELS = torch.zeros(2, dtype=torch.int64)
FEATURES = torch.zeros(2, *SPEC.shape)
NAN = torch.full((2, *SPEC.shape), float("nan"))


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (ModelUpdate({}, 3), "got a model update"),
        (SharedFeatures(torch.full_like(FEATURES, 65520.0), LABELS), "may reach 65504.0, got 65520.0"),
        (SharedFeatures(torch.full_like(FEATURES, -1e9), LABELS), "may reach 65504.0"),
        (SharedFeatures(NAN, LABELS), "must be finite, got 48 values"),
        (SharedFeatures(NAN / 0, LABELS), "must be finite"),
        (SharedFeatures(FEATURES[:0], LABELS[:0]), "at least one sample"),
        (SharedFeatures(FEATURES[0], LABELS), "four-dimensional"),
        (SharedFeatures(FEATURES.long(), LABELS), "four-dimensional floats"),
        (SharedFeatures(FEATURES, LABELS[:1]), "wanted 2 int64 labels"),
        (SharedFeatures(FEATURES, LABELS.int()), "wanted 2 int64 labels, got torch.int32"),
        (SharedFeatures(FEATURES, LABELS - 1), "labels must be >= 0, got -1"),
        (SharedImages(FEATURES - 0.01, LABELS), r"images must lie in \[0, 1\]"),
        (SharedImages(FEATURES + 1.01, LABELS), r"images must lie in \[0, 1\]"),
        (SharedImages(NAN, LABELS), "images must be finite"),
        (SharedImages(FEATURES.byte()[0], LABELS), "images must be four-dimensional"),
        (SharedImages(FEATURES.byte()[:0], LABELS[:0]), "at least one sample"),
        (SharedFeatures(FEATURES.byte(), LABELS), "four-dimensional floats"),
    ],
)
def test_what_cannot_be_released_is_refused(batch, said):
    with pytest.raises(ReleaseError, match=said):
        encode(batch)


def test_the_largest_float16_is_released_and_stays_finite():
    came = read(encode(SharedFeatures(torch.full_like(FEATURES, 65504.0), LABELS)), samples=2)
    assert float(came.features.max()) == 65504.0


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"max_shard_bytes": SAMPLE_BYTES + HEADER_BYTES - 1}, "one sample"),
        ({"max_shard_bytes": MAX_SHARD_BYTES + 1}, "max_shard_bytes"),
        ({"dtype": "float64"}, "float16 or float32"),
    ],
)
def test_knobs_that_cannot_work_are_refused(knobs, said):
    with pytest.raises(SettingError, match=said):
        encode(features(), **knobs)


def shard(**tensors):
    return [Shard("s", save(tensors))]


GOOD = {"features": torch.zeros(10, 4, 3, 2, dtype=torch.float16), "labels": torch.zeros(10, dtype=torch.int64)}


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], "wanted 10 samples, at least one, got 0"),
        ([Shard("s", b"")], "not safetensors"),
        ([Shard("s", b"\x80\x04pickle" * 9)], "not safetensors"),
        ([Shard("s", save(GOOD)[:-1])], "not safetensors"),
        ([Shard("s", save(GOOD) + b"x")], "not safetensors"),
        (shard(features=GOOD["features"]), "must hold features and labels"),
        (shard(**GOOD, more=LABELS), "must hold features and labels"),
        (shard(images=GOOD["features"], labels=GOOD["labels"]), "must hold features and labels"),
        (shard(**GOOD | {"features": GOOD["features"].float()}), "features in shard s must be F16, got F32"),
        (shard(**GOOD | {"features": GOOD["features"].bfloat16()}), "features in shard s must be F16, got BF16"),
        (shard(**GOOD | {"labels": GOOD["labels"].int()}), "labels in shard s must be I64, got I32"),
        (shard(**GOOD | {"features": GOOD["features"].transpose(1, 2).contiguous()}), "must have shape"),
        (shard(**GOOD | {"features": GOOD["features"].flatten(1)}), "must have shape"),
        (shard(**GOOD | {"labels": GOOD["labels"][:, None]}), "must have shape"),
        (shard(**GOOD | {"labels": torch.tensor(0)}), "must have shape"),
        (shard(features=GOOD["features"][:0], labels=LABELS[:0]), "must have shape"),
        (shard(**GOOD | {"labels": GOOD["labels"][:9]}), "10 features but 9 labels"),
        (shard(**GOOD) * 2, "wanted 10 samples, at least one, got 20"),
        (shard(**GOOD | {"features": GOOD["features"] + float("nan")}), "shard s holds values that are not finite"),
        (shard(**GOOD | {"features": GOOD["features"] - float("inf")}), "shard s holds values that are not finite"),
        (shard(**GOOD | {"labels": GOOD["labels"] - 1}), r"labels must lie in \[0, 7\), got -1 to -1"),
        (shard(**GOOD | {"labels": GOOD["labels"] + CLASSES}), r"labels must lie in \[0, 7\), got 7 to 7"),
    ],
)
def test_shards_that_are_not_what_the_manifest_says_are_refused(shards, said):
    with pytest.raises(ReleaseError, match=said):
        read(shards)


@pytest.mark.parametrize(("make", "spec", "dtype"), [(features, SPEC, "float16"), (features, SPEC, "float32"), (images, IMAGES, "float16")])
@pytest.mark.parametrize("samples", [1, 10, 999])
def test_no_shard_is_larger_than_its_samples_allow(make, spec, dtype, samples):
    (one,) = encode(make(samples), dtype=dtype)
    spec = replace(spec, dtype=dtype) if spec is SPEC else spec
    assert largest_shard(spec, samples) - HEADER_BYTES < one.size_bytes <= largest_shard(spec, samples)


@pytest.mark.parametrize(("make", "spec"), [(features, SPEC), (images, IMAGES)])
def test_shard_by_shard_is_the_same_as_at_once(make, spec):
    shards = encode(make(), max_shard_bytes=700)
    name = "features" if make is features else "images"
    whole, each = read(shards, spec), list(decode_each(iter(shards), spec, classes=CLASSES, samples=10))
    assert len(each) == len(shards) > 1
    assert torch.equal(torch.cat([getattr(batch, name) for batch in each]), getattr(whole, name))
    assert torch.equal(torch.cat([batch.labels for batch in each]), whole.labels)


def test_shard_by_shard_no_shard_is_read_before_it_is_asked_for():
    def shards():
        for shard in encode(features(), max_shard_bytes=700):
            read_already.append(shard.name)
            yield shard

    read_already: list[str] = []
    batches = decode_each(shards(), SPEC, classes=CLASSES, samples=10)
    assert read_already == []
    for number, _ in enumerate(batches, 1):
        assert len(read_already) == number


@pytest.mark.parametrize(
    ("shards", "samples", "good", "said"),
    [
        ([], 0, 0, "wanted 0 samples, at least one, got 0"),
        (shard(**GOOD), 9, 0, "wanted 9 samples, at least one, got 10 or more"),
        (shard(**GOOD) * 3, 20, 2, "wanted 20 samples, at least one, got 30 or more"),
        (shard(**GOOD) * 2, 30, 2, "wanted 30 samples, at least one, got 20"),
        (shard(**GOOD) + shard(**GOOD | {"features": GOOD["features"] + float("nan")}), 20, 1, "shard s holds values that are not finite"),
        (shard(**GOOD) + shard(**GOOD | {"labels": GOOD["labels"] - 1}), 20, 1, "labels must lie in"),
        ([*shard(**GOOD), Shard("s", b"")], 20, 1, "not safetensors"),
    ],
)
def test_shard_by_shard_what_is_wrong_is_refused_when_it_comes(shards, samples, good, said):
    batches = decode_each(shards, SPEC, classes=CLASSES, samples=samples)
    assert [len(next(batches).labels) for _ in range(good)] == [10] * good
    with pytest.raises(ReleaseError, match=said):
        next(batches)


def test_a_release_of_nothing_is_refused_even_if_it_says_so():
    with pytest.raises(ReleaseError, match="at least one"):
        read([], samples=0)


def test_images_in_the_place_of_features_are_refused():
    with pytest.raises(ReleaseError, match="must hold features and labels"):
        read(encode(images()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bytes_whatever_can_crash_the_reader_or_pass_as_something_else(data):
    good = encode(features(3))[0].data
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=12)) + good[at + data.draw(st.integers(0, 12)) :]
    try:
        came = read([Shard("s", changed)], samples=3)
    except ReleaseError:
        return
    assert came.features.shape == (3, *SPEC.shape)
    assert bool(came.features.isfinite().all())
    assert int(came.labels.min()) >= 0
    assert int(came.labels.max()) < CLASSES
