from dataclasses import dataclass, replace

import pytest
import torch

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod, WithCodec, WithFigures, Wraps
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.training.perturbation import GaussianNoise
from tests.methods.preparations import PRIVATE, features, preparation

CODED = Coded(method=RawFeatures(), codec="avif-60")
NOISY = PerturbedFeatures(perturbation=GaussianNoise(sigma=0.8))


def test_it_shares_what_the_method_shares_marked_for_the_codec():
    batch = CODED.prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
    assert torch.equal(batch.features, features(PRIVATE.images))
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert batch.codec == "avif-60"


def test_it_is_a_sharing_method_whose_name_and_repr_say_both():
    assert isinstance(CODED, SharingMethod)
    assert isinstance(CODED, WithCodec)
    assert isinstance(CODED, Wraps)
    assert CODED.around(NOISY) == Coded(method=NOISY, codec="avif-60")
    assert CODED.name == "raw-features, avif-60"
    assert "RawFeatures" in repr(CODED)
    assert "avif-60" in repr(CODED)
    assert " at 0x" not in repr(CODED)


def test_figures_are_the_methods():
    plain, coded = (method.prepare(preparation()) for method in (NOISY, Coded(method=NOISY, codec="webp")))
    assert isinstance(coded, WithFigures)
    assert coded.figures == plain.figures != {}
    assert CODED.prepare(preparation()).figures == {}


def test_an_arm_knows_its_codec_and_its_exceptions_have_the_same():
    assert SharingArm(name="a", method=RawFeatures()).codec == ""
    assert SharingArm(name="a", method=CODED).codec == "avif-60"
    assert SharingArm(name="a", method=CODED, exceptions=(("b", replace(CODED)),)).codec == "avif-60"
    with pytest.raises(SettingError, match="exceptions are variants"):
        SharingArm(name="a", method=CODED, exceptions=(("b", replace(CODED, codec="webp")),))


def test_who_shares_nothing_codes_nothing():
    assert Coded(method=Nothing(), codec="webp").prepare(preparation()) is None


@dataclass(frozen=True)
class Unmarked(RawFeatures):
    """Shares images, and nothing about it says so."""

    def prepare(self, preparation):
        return RawImages().prepare(preparation)


def test_images_of_whatever_method_are_refused_at_the_latest_when_they_are_shared():
    with pytest.raises(SettingError, match="for features, got SharedImages"):
        Coded(method=Unmarked(), codec="webp").prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)


OF_IMAGES = (RawImages(), ShuffledImages(patch=4), MixedImages(patch=4), SyntheticImages())


@dataclass(frozen=True)
class MadeUp(RawFeatures):
    unpaired: bool = True


@pytest.mark.parametrize(
    ("method", "codec", "said"),
    [
        (RawFeatures(), "jpeg-60", "a codec is"),
        (RawFeatures(), "", "a codec is"),
        (CODED, "webp", "wanted a method whose own features can be coded, got raw-features, avif-60"),
        (MadeUp(), "webp", "wanted a method whose own features"),
        *((method, "webp", f"own features can be coded, got {method.name}") for method in OF_IMAGES),
        (RawFeatures, "webp", "wanted a sharing method"),
        ("raw", "webp", "wanted a sharing method"),
    ],
)
def test_what_cannot_be_coded_is_refused(method, codec, said):
    with pytest.raises(SettingError, match=said):
        Coded(method=method, codec=codec)
