from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.payload import boxed_codec
from dpm_flower.payload.boxed_codec import decode_boxed, decode_boxed_each, encode_boxed, largest_boxed_shard
from dpm_flower.payload.codec import HEADER_BYTES
from dpm_flower.payload.released_spec import BoxedSpec
from dpm_flower.payload.shard import Shard
from tests.payload.examples import SPEC

BOXES = BoxedSpec(features=SPEC, size=(24, 16))
CLASSES = 3
SAMPLE_BYTES = 4 * 3 * 2 * 2 + 8 + 4 * 24  # with four boxes


def batch(samples=5, seed=0):
    """Images with 0 to 4 boxes, the first without any and the second with four."""
    rng = torch.Generator().manual_seed(seed)
    counts = [0, 4, *torch.randint(0, 5, (samples,), generator=rng).tolist()][:samples]
    starts, sides = (torch.rand(sum(counts), 2, generator=rng) * torch.tensor([8.0, 12.0]) for _ in range(2))
    boxes = torch.cat((starts, starts + sides.clamp(min=0.5)), 1).split(counts)
    labels = torch.randint(0, CLASSES, (sum(counts),), generator=rng).split(counts)
    return SharedBoxes(torch.randn((samples, *SPEC.shape), generator=rng).relu(), boxes, labels)


def read(shards, spec=BOXES, samples=5):
    return decode_boxed(shards, spec, classes=CLASSES, samples=samples)


def encode(one, spec=BOXES, **more):
    return encode_boxed(one, spec, classes=CLASSES, **more)


def same(came, gone):
    assert torch.equal(came.features, gone.features.half().float())
    for some, others in ((came.boxes, gone.boxes), (came.labels, gone.labels)):
        assert len(some) == len(others)
        assert all(torch.equal(one, other) and one.dtype == other.dtype for one, other in zip(some, others, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5))
def test_features_and_boxes_come_back_in_bounded_shards(samples, per_shard):
    gone, limit = batch(samples), per_shard * SAMPLE_BYTES + HEADER_BYTES
    shards = encode(gone, max_shard_bytes=limit)
    same(read(shards, samples=samples), gone)
    assert max(shard.size_bytes for shard in shards) <= limit
    assert len({shard.name for shard in shards}) == len(shards)
    assert encode(gone, max_shard_bytes=limit) == shards
    each = list(decode_boxed_each(iter(shards), BOXES, classes=CLASSES, samples=samples))
    assert (len(each), sum(len(one.boxes) for one in each)) == (len(shards), samples)


def test_images_without_any_box_are_released_too_and_float32_comes_back_exactly():
    gone, exact = batch(1), replace(BOXES, features=replace(SPEC, dtype="float32"))
    assert [len(one) for one in gone.boxes] == [0]
    came = read(encode(gone, exact), exact, samples=1)
    assert torch.equal(came.features, gone.features)
    assert (came.boxes[0].shape, came.labels[0].shape) == ((0, 4), (0,))


def one(features=None, boxes=None, labels=None):
    """One sample with a box, or with others."""
    return SharedBoxes(
        torch.ones(1, *SPEC.shape) if features is None else features,
        (torch.tensor([[1.0, 2.0, 16.0, 24.0]]),) if boxes is None else boxes,
        (torch.tensor([2]),) if labels is None else labels,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": torch.full((1, *SPEC.shape), float("nan"))}, "must be finite"),
        ({"features": torch.full((1, *SPEC.shape), 1e6)}, "may reach 65504"),
        ({"features": torch.ones(1, 3, 4, 2)}, "wanted features of shape"),
        ({"features": torch.ones(2, *SPEC.shape)}, "wanted boxes and labels of 2 images, got 1 and 1"),
        ({"boxes": ()}, "wanted boxes and labels of 1 images, got 0"),
        ({"boxes": (torch.tensor([[1.0, 2.0, 16.5, 24.0]]),)}, "sample 0: wanted boxes with an area within 16 x 24"),
        ({"boxes": (torch.tensor([[1.0, 2.0, 16.0, float("nan")]]),)}, "sample 0: wanted boxes with an area"),
        ({"boxes": (torch.tensor([[1.0, 2.0, 1.0, 24.0]]),)}, "sample 0: wanted boxes with an area"),
        ({"boxes": (torch.tensor([[1.0, 2.0, 16.0, 24.0]]).double(),)}, "wanted float32 boxes"),
        ({"labels": (torch.tensor([3]),)}, r"wanted labels in \[0, 3\)"),
        ({"labels": (torch.tensor([-1]),)}, r"wanted labels in \[0, 3\)"),
        ({"labels": (torch.tensor([1, 1]),)}, "sample 0: wanted boxes"),
    ],
)
def test_what_cannot_be_released_is_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        encode(one(**changes))


def test_no_image_has_more_boxes_than_a_reader_takes(monkeypatch):
    monkeypatch.setattr(boxed_codec, "MAX_BOXES", 3)
    with pytest.raises(ReleaseError, match="sample 1: an image may have 3 boxes in a release, got 4"):
        encode(batch(2))
    monkeypatch.setattr(boxed_codec, "MAX_BOXES", 4)
    shards = encode(batch(2))
    assert shards[0].size_bytes <= largest_boxed_shard(BOXES, 2)
    monkeypatch.setattr(boxed_codec, "MAX_BOXES", 3)
    with pytest.raises(ReleaseError, match=r"up to 3 in an image, got counts of \[0, 4\]"):
        read(shards, samples=2)


def test_a_shard_that_cannot_hold_a_sample_is_refused():
    with pytest.raises(SettingError, match="one sample"):
        encode(batch(2), max_shard_bytes=HEADER_BYTES + SAMPLE_BYTES - 1)


GOOD = {
    "features": torch.zeros(2, 4, 3, 2, dtype=torch.float16),
    "counts": torch.tensor([1, 2]),
    "boxes": torch.tensor([[0.0, 0.0, 16.0, 24.0]] * 3),
    "labels": torch.tensor([0, 1, 2]),
}


def shard(**changes):
    return [Shard("s", save({name: value for name, value in (GOOD | changes).items() if value is not None}))]


def test_a_shard_of_those_arrays_is_read():
    came = read(shard(), samples=2)
    assert [len(one) for one in came.boxes] == [1, 2]
    assert [one.tolist() for one in came.labels] == [[0], [1, 2]]


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], "wanted 2 samples, at least one, got 0"),
        ([Shard("s", b"\x80\x04pickle" * 9)], "not safetensors"),
        (shard(counts=None), "must hold features, counts, boxes, labels"),
        (shard(more=torch.zeros(1)), "must hold features, counts, boxes, labels"),
        (shard(features=GOOD["features"].float()), "features in shard s must be F16, got F32"),
        (shard(boxes=GOOD["boxes"].double()), "boxes in shard s must be F32, got F64"),
        (shard(labels=GOOD["labels"].int()), "labels in shard s must be I64, got I32"),
        (shard(counts=torch.tensor([1.0, 2.0])), "counts in shard s must be I64, got F32"),
        (shard(counts=torch.tensor(3)), "counts in shard s must have shape"),
        (shard(features=GOOD["features"].flatten(1)), "features in shard s must have shape"),
        (shard(boxes=GOOD["boxes"].flatten()), "boxes in shard s must have shape"),
        (shard(counts=torch.tensor([1, 1, 1])), "a count for each feature map"),
        (shard(labels=torch.tensor([0, 1])), "a label for each box"),
        (shard(features=GOOD["features"][:0], counts=torch.zeros(0, dtype=torch.int64)), "at least one"),
        (shard(counts=torch.tensor([4, -1])), r"got counts of \[4, -1\]"),
        (shard(counts=torch.tensor([1, 1])), "has 3 boxes"),
        (shard(counts=torch.tensor([1 << 62, 1 << 62])), "has 3 boxes"),
        (shard(features=GOOD["features"] / 0), "features that are not finite"),
        (shard(boxes=GOOD["boxes"] / 0), "shard s: wanted boxes with an area"),
        (shard(boxes=GOOD["boxes"] + 1), "shard s: wanted boxes with an area"),
        (shard(boxes=GOOD["boxes"] * 0), "shard s: wanted boxes with an area"),
        (shard(labels=GOOD["labels"] + 1), r"shard s: wanted labels in \[0, 3\)"),
        (shard() * 2, "wanted 2 samples, at least one, got 4 or more"),
    ],
)
def test_shards_that_are_not_what_the_manifest_says_are_refused(shards, said):
    with pytest.raises(ReleaseError, match=said):
        read(shards, samples=2)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_whatever_can_crash_the_reader_or_pass_as_something_else(data):
    good = encode(batch(3))[0].data
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + data.draw(st.binary(max_size=12)) + good[at + data.draw(st.integers(0, 12)) :]
    try:
        came = read([Shard("s", changed)], samples=3)
    except ReleaseError:
        return
    assert came.features.shape == (3, *SPEC.shape)
    assert bool(came.features.isfinite().all())
    for boxes, labels in zip(came.boxes, came.labels, strict=True):
        boxed_codec.check_boxes(boxes, labels, BOXES.size, CLASSES)
