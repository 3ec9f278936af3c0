"""What a release holds per sample, a feature map, one with boxes, an image, or one with a mask, and its form in a manifest."""

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias, assert_never

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.payload import rules
from dpm_flower.payload.fields import Fields

Kind: TypeAlias = Literal["features", "images", "boxed-features", "masked-images"]

MAX_VALUES = 1 << 26  # numbers in one sample; an image of 4096 x 4096 in colour has three quarters of that
_SIZES = {"float16": 2, "float32": 4}
_FEATURE_KEYS = frozenset({"backbone", "hook", "shape", "featurizer_digest", "non_negative", "dtype"})
_CODEC_KEYS = frozenset({"codec"})  # left out where there is none, as in the manifests of those who knew of none
_IMAGE_KEYS = frozenset({"shape"})
_BOXED_KEYS = _FEATURE_KEYS | {"size"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """One (C,H,W) image per sample, released as uint8."""

    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        _check_image(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedSpec:
    """One feature map per sample, as numbers, with the boxes in its image, which has this `size`, height and width in pixels."""

    features: FeatureSpec
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise SettingError(f"the size of an image is two positive numbers (H, W), got {self.size}")
        if self.features.codec:
            raise SettingError(f"features with boxes are released as numbers, without a codec, got {self.features.codec!r}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (C,h,w) of one feature map."""
        return self.features.shape


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedSpec:
    """One (C,H,W) photograph per sample, released as uint8, and its mask."""

    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        _check_image(self.shape)

    @property
    def mask_shape(self) -> tuple[int, int, int]:
        """The shape (1,H,W) of one mask."""
        return (1, *self.shape[1:])


LabelledSpec: TypeAlias = FeatureSpec | ImageSpec  # one label for each sample
ReleasedSpec: TypeAlias = LabelledSpec | BoxedSpec | MaskedSpec


def kind_of(spec: ReleasedSpec) -> Kind:
    """A spec -> what manifests call it."""
    match spec:
        case FeatureSpec():
            return "features"
        case ImageSpec():
            return "images"
        case BoxedSpec():
            return "boxed-features"
        case MaskedSpec():
            return "masked-images"
        case _:
            assert_never(spec)


def check(spec: ReleasedSpec) -> None:
    """Raises ReleaseError for a spec that no manifest may carry: absurd shapes, unsafe names, a digest that is none."""
    if prod(rules.count(size, "a side of the released shape", 1, MAX_VALUES) for size in spec.shape) > MAX_VALUES:
        raise ReleaseError(f"one sample may have {MAX_VALUES} values, got shape {spec.shape}")
    if isinstance(spec, BoxedSpec) and prod(rules.count(size, "a side of the images", 1, MAX_VALUES) for size in spec.size) > MAX_VALUES:
        raise ReleaseError(f"an image with boxes may have {MAX_VALUES} pixels, got a size of {spec.size}")
    if (features := features_of(spec)) is not None:
        rules.text(features.backbone, "backbone")
        rules.text(features.hook, "hook")
        rules.sha256(features.featurizer_digest, "featurizer_digest")


def features_of(spec: ReleasedSpec) -> FeatureSpec | None:
    """What the features of such a release are; None for images, with masks or without."""
    match spec:
        case FeatureSpec():
            return spec
        case BoxedSpec():
            return spec.features
        case ImageSpec() | MaskedSpec():
            return None
        case _:
            assert_never(spec)


def sample_bytes(spec: ReleasedSpec) -> int:
    """What one sample takes as it is released, without its label, boxes or mask; what it stands for, where a codec makes it smaller."""
    features = features_of(spec)
    return prod(spec.shape) * (_SIZES[features.dtype] if features is not None else 1)


def to_plain(spec: ReleasedSpec) -> dict[str, object]:
    """A spec -> a mapping of JSON values."""
    match spec:
        case FeatureSpec():
            return {
                "backbone": spec.backbone,
                "hook": spec.hook,
                "shape": list(spec.shape),
                "featurizer_digest": spec.featurizer_digest,
                "non_negative": spec.non_negative,
                "dtype": spec.dtype,
                **({"codec": spec.codec} if spec.codec else {}),
            }
        case ImageSpec() | MaskedSpec():
            return {"shape": list(spec.shape)}
        case BoxedSpec():
            return {**to_plain(spec.features), "size": list(spec.size)}
        case _:
            assert_never(spec)


def from_plain(manifest: Fields, kind: str) -> ReleasedSpec:
    """The `spec` of a manifest's fields -> the spec of that kind. Raises ReleaseError for anything else."""
    try:
        if kind == "features":
            return _features(manifest.object("spec", _FEATURE_KEYS, _CODEC_KEYS))
        if kind == "boxed-features":
            fields = manifest.object("spec", _BOXED_KEYS)
            return BoxedSpec(features=_features(fields), size=_size(fields))
        if kind == "images":
            return ImageSpec(shape=_shape(manifest.object("spec", _IMAGE_KEYS)))
        if kind == "masked-images":
            return MaskedSpec(shape=_shape(manifest.object("spec", _IMAGE_KEYS)))
    except SettingError as err:
        raise ReleaseError(f"a manifest carries an impossible spec: {err}") from err
    raise ReleaseError(f'a manifest\'s kind must be "features", "images", "boxed-features" or "masked-images", got {rules.shown(kind)}')


def _features(fields: Fields) -> FeatureSpec:
    return FeatureSpec(
        backbone=fields.text("backbone"),
        hook=fields.text("hook"),
        shape=_shape(fields),
        featurizer_digest=fields.text("featurizer_digest"),
        non_negative=fields.boolean("non_negative"),
        dtype=fields.text("dtype"),
        codec=fields.text_or_empty("codec"),
    )


def _shape(fields: Fields) -> tuple[int, int, int]:
    sizes = fields.integers("shape")
    if len(sizes) != 3:
        raise ReleaseError(f"a released shape has three numbers, got {rules.shown(sizes)}")
    return sizes[0], sizes[1], sizes[2]


def _size(fields: Fields) -> tuple[int, int]:
    sizes = fields.integers("size")
    if len(sizes) != 2:
        raise ReleaseError(f"the size of an image has two numbers, got {rules.shown(sizes)}")
    return sizes[0], sizes[1]


def _check_image(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise SettingError(f"an image shape is three positive numbers (C, H, W), got {shape}")
