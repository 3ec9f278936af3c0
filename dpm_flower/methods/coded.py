"""Any method that shares features, its release coded as pictures: the same features in fewer bytes, a little less exact."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from dpm_flower.core.codec_name import codec_of
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import Preparation, ReadsAttributes, Sharer, SharingMethod, WithCodec, WithFigures
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.unpaired import is_unpaired
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.nets.encryption import EncryptsImages


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """What `method` shares is released by an image codec: ``Coded(method=DeepPoisoning(), codec="avif-60")``.

    `codec` is "webp", which loses nothing but what quantisation to 8 bits does, or "avif-QUALITY" from 0 to 100; "-6bit" behind it
    quantises to as many (2 to 7). Peers train on what they decode of it, and the audit attacks that. Its name in manifests and policies
    names both. Raises SettingError for an unknown codec and for methods that cannot be coded: one that is already, one that shares
    images, one of made-up releases.
    """

    method: SharingMethod
    codec: str

    def __post_init__(self) -> None:
        codec_of(self.codec)
        if not isinstance(self.method, SharingMethod) or isinstance(self.method, type):
            raise SettingError(f"wanted a sharing method to code, got {self.method!r}")
        if isinstance(self.method, WithCodec | RawImages | EncryptsImages) or is_unpaired(self.method):
            raise SettingError(f"wanted a method whose own features can be coded, got {self.method.name}")

    @property
    def name(self) -> str:
        """The method's and the codec's: "deep-poisoning, avif-60"."""
        return f"{self.method.name}, {self.codec}"

    def around(self, method: SharingMethod) -> "Coded":
        """The same codec for another method."""
        return replace(self, method=method)

    def without_attributes(self) -> "Coded":
        """The same codec for the method without attributes."""
        method = self.method
        return self.around(method.without_attributes()) if isinstance(method, ReadsAttributes) else self

    def prepare(self, preparation: Preparation) -> "CodedSharer | None":
        """Prepares the method; it is trained without the codec."""
        sharer = self.method.prepare(preparation)
        return None if sharer is None else CodedSharer(sharer, self.codec)


@dataclass(frozen=True, slots=True, eq=False)
class CodedSharer:
    """A sharer whose features leave by a codec."""

    sharer: Sharer
    codec: str

    @property
    def figures(self) -> Mapping[str, float]:
        """Those of the sharer, if it has any."""
        return self.sharer.figures if isinstance(self.sharer, WithFigures) else {}

    def share(self, images: Tensor, labels: Labels) -> SharedFeatures:
        """Images (B,3,H,W) with labels (B,) -> what the sharer shares for them, marked for the codec.

        Raises SettingError where that is no features.
        """
        batch = self.sharer.share(images, labels)
        if not isinstance(batch, SharedFeatures):
            raise SettingError(f"a codec is for features, got {type(batch).__name__}")
        return replace(batch, codec=self.codec)
