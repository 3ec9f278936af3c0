from dataclasses import replace

import pytest

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.payload import released_spec
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.released_spec import BoxedSpec, ImageSpec, MaskedSpec
from tests.payload.examples import SPEC

IMAGES = ImageSpec(shape=(3, 8, 8))
BOXES = BoxedSpec(features=SPEC, size=(12, 8))
MASKED = MaskedSpec(shape=(3, 8, 6))


def read(kind, plain):
    return released_spec.from_plain(Fields({"spec": plain}, "a manifest", {"spec"}), kind)


@pytest.mark.parametrize(
    "spec", [SPEC, replace(SPEC, dtype="float32", non_negative=False), replace(SPEC, codec="avif-60"), IMAGES, BOXES, MASKED]
)
def test_round_trip(spec):
    assert read(released_spec.kind_of(spec), released_spec.to_plain(spec)) == spec


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("sounds", {}, 'must be "features", "images", "boxed-features" or "masked-images"'),
        ("images", {}, "unknown keys"),
        ("masked-images", {}, "unknown keys"),
        ("features", {"dtype": "float64"}, "impossible spec: .*float64"),
        ("features", {"shape": [0, 1, 1]}, "impossible spec"),
        ("features", {"shape": [1, 1]}, "three numbers"),
        ("features", {"non_negative": 1}, "true or false"),
        ("features", {"codec": "gif"}, "impossible spec: a codec is .*gif"),
        ("features", {"codec": ""}, "left out where it is empty"),
        ("features", {"codec": 7}, "must be a string"),
        ("features", {"codec": "webp", "shape": [1, 1, 2049]}, "impossible spec: .* at most 2048 x 2048"),
    ],
)
def test_impossible_specs_are_refused(kind, changes, said):
    with pytest.raises(ReleaseError, match=said):
        read(kind, released_spec.to_plain(SPEC) | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": [12]}, "the size of an image has two numbers"),
        ({"size": [0, 8]}, "impossible spec: the size of an image is two positive numbers"),
        ({"codec": "webp"}, "unknown keys"),
        ({"shape": [0, 1, 1]}, "impossible spec"),
    ],
)
def test_impossible_specs_of_features_with_boxes_are_refused(changes, said):
    with pytest.raises(ReleaseError, match=said):
        read("boxed-features", released_spec.to_plain(BOXES) | changes)


def test_features_with_boxes_have_no_codec():
    with pytest.raises(SettingError, match="without a codec"):
        BoxedSpec(features=replace(SPEC, codec="webp"), size=(12, 8))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (replace(BOXES, size=(1 << 14, 1 << 14)), "an image with boxes may have"),
        (replace(BOXES, features=replace(SPEC, featurizer_digest="ab")), "featurizer_digest"),
        (replace(SPEC, shape=(1 << 14, 1 << 10, 1 << 10)), "one sample may have"),
        (replace(SPEC, shape=(1 << 27, 1, 1)), "a side of the released shape"),
        (replace(SPEC, featurizer_digest="ab"), "featurizer_digest"),
        (replace(SPEC, hook="../x"), "hook"),
        (replace(SPEC, backbone=""), "backbone"),
        (ImageSpec(shape=(3, 1 << 13, 1 << 13)), "one sample may have"),
        (MaskedSpec(shape=(3, 1 << 13, 1 << 13)), "one sample may have"),
    ],
)
def test_specs_that_no_manifest_may_carry_are_refused(spec, said):
    with pytest.raises(ReleaseError, match=said):
        released_spec.check(spec)


def test_where_there_is_no_codec_a_manifest_has_no_word_of_it():
    assert "codec" not in released_spec.to_plain(SPEC)


def test_what_a_sample_takes():
    assert released_spec.sample_bytes(IMAGES) == 3 * 8 * 8
    assert released_spec.sample_bytes(MASKED) == 3 * 8 * 6
    assert released_spec.sample_bytes(SPEC) == released_spec.sample_bytes(BOXES) == 4 * 3 * 2 * 2
    assert released_spec.sample_bytes(replace(SPEC, dtype="float32")) == 4 * 3 * 2 * 4


@pytest.mark.parametrize("shape", [(3, 8), (3, 0, 8), (3, 8, -1)])
@pytest.mark.parametrize("spec", [ImageSpec, MaskedSpec])
def test_an_image_has_three_positive_sides(spec, shape):
    with pytest.raises(SettingError, match="image shape"):
        spec(shape=shape)


def test_a_mask_is_as_large_as_its_photograph_and_has_one_channel():
    assert MASKED.mask_shape == (1, 8, 6)
    assert released_spec.features_of(MASKED) is None
