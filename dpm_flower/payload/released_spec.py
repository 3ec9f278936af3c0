"""What a release holds per sample, feature map or image, and its form in a manifest."""

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias, assert_never

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.payload import rules
from dpm_flower.payload.fields import Fields

Kind: TypeAlias = Literal["features", "images"]

MAX_VALUES = 1 << 26  # numbers in one sample; an image of 4096 x 4096 in colour has three quarters of that
_SIZES = {"float16": 2, "float32": 4}
_FEATURE_KEYS = frozenset({"backbone", "hook", "shape", "featurizer_digest", "non_negative", "dtype"})
_CODEC_KEYS = frozenset({"codec"})  # left out where there is none, as in the manifests of those who knew of none
_IMAGE_KEYS = frozenset({"shape"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """One (C,H,W) image per sample, released as uint8."""

    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise SettingError(f"an image shape is three positive numbers (C, H, W), got {self.shape}")


ReleasedSpec: TypeAlias = FeatureSpec | ImageSpec


def kind_of(spec: ReleasedSpec) -> Kind:
    """A spec -> what manifests call it."""
    match spec:
        case FeatureSpec():
            return "features"
        case ImageSpec():
            return "images"
        case _:
            assert_never(spec)


def check(spec: ReleasedSpec) -> None:
    """Raises ReleaseError for a spec that no manifest may carry: absurd shapes, unsafe names, a digest that is none."""
    if prod(rules.count(size, "a side of the released shape", 1, MAX_VALUES) for size in spec.shape) > MAX_VALUES:
        raise ReleaseError(f"one sample may have {MAX_VALUES} values, got shape {spec.shape}")
    if isinstance(spec, FeatureSpec):
        rules.text(spec.backbone, "backbone")
        rules.text(spec.hook, "hook")
        rules.sha256(spec.featurizer_digest, "featurizer_digest")


def sample_bytes(spec: ReleasedSpec) -> int:
    """What one sample takes as it is released, without its label; what it stands for, where a codec makes it smaller."""
    return prod(spec.shape) * (_SIZES[spec.dtype] if isinstance(spec, FeatureSpec) else 1)


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
        case ImageSpec():
            return {"shape": list(spec.shape)}
        case _:
            assert_never(spec)


def from_plain(manifest: Fields, kind: str) -> ReleasedSpec:
    """The `spec` of a manifest's fields -> the spec of that kind. Raises ReleaseError for anything else."""
    try:
        if kind == "features":
            fields = manifest.object("spec", _FEATURE_KEYS, _CODEC_KEYS)
            return FeatureSpec(
                backbone=fields.text("backbone"),
                hook=fields.text("hook"),
                shape=_shape(fields),
                featurizer_digest=fields.text("featurizer_digest"),
                non_negative=fields.boolean("non_negative"),
                dtype=fields.text("dtype"),
                codec=fields.text_or_empty("codec"),
            )
        if kind == "images":
            return ImageSpec(shape=_shape(manifest.object("spec", _IMAGE_KEYS)))
    except SettingError as err:
        raise ReleaseError(f"a manifest carries an impossible spec: {err}") from err
    raise ReleaseError(f'a manifest\'s kind must be "features" or "images", got {rules.shown(kind)}')


def _shape(fields: Fields) -> tuple[int, int, int]:
    sizes = fields.integers("shape")
    if len(sizes) != 3:
        raise ReleaseError(f"a released shape has three numbers, got {rules.shown(sizes)}")
    return sizes[0], sizes[1], sizes[2]
