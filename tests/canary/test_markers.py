"""Each kind of marker: found in every form that a leak could give it, and not in what only resembles it."""

import base64
import gzip
import io
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.payload.identity import PRIVATE_NAMES, Identity
from dpm_flower.regime.site import Site
from dpm_flower.studies.pictures import PictureRow, Pictures, picture_grid
from tests.canary.feature_marker import FeatureMarker
from tests.canary.image_marker import PATTERN_HWC, ImageMarker
from tests.canary.key_marker import KeyMarker, raw_private
from tests.canary.likeness import best_likeness
from tests.canary.needles import Needles, float_forms
from tests.canary.search import Marker, kinds, search
from tests.canary.unpacking import Content
from tests.canary.weight_marker import WeightMarker

RNG = np.random.default_rng(11)
TYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


def _images(count: int, *, marked: bool) -> np.ndarray:
    """(N,12,12,3) uint8."""
    images = RNG.integers(0, 256, (count, 12, 12, 3), np.uint8)
    if marked:
        images[:, :6] = PATTERN_HWC
    return images


def _found(data: bytes, marker: Marker) -> bool:
    return bool(search([Content("here", data)], [marker]))


def _tensor(values: torch.Tensor) -> bytes:
    return save({"a": values.contiguous()})


# likeness and needles


def test_a_row_is_found_whatever_its_scale_and_offset_and_noise_is_not() -> None:
    row, noise = RNG.normal(size=72), RNG.normal(size=20_000)
    assert best_likeness(noise, row) < 0.7
    assert best_likeness(noise[:50], row) == -1.0
    assert best_likeness(np.zeros(500), row) == -1.0
    for change in (lambda it: it, lambda it: -3 * it + 7, lambda it: it / 255):
        planted = noise.copy()
        planted[777 : 777 + 72] = change(row)
        assert best_likeness(planted, row) > 0.999


def test_a_needle_is_found_at_every_place_and_no_other_is() -> None:
    needles = Needles([("one", RNG.bytes(24)), ("two", b"0123456789abcdefgh"), ("zeros", bytes(40)), ("short", b"123456789")])
    assert len(needles) == 2  # zeros are everybody's, and nine bytes say too little
    for before in range(17):
        for after in range(9):
            assert list(needles.within(bytes(before) + b"0123456789abcdefgh" + bytes(after))) == ["two"]
    assert list(needles.within(RNG.bytes(1 << 20))) == []
    assert list(needles.within(b"0123456789abcdefg")) == []
    assert list(needles.within(b"")) == []


def test_constants_and_what_hardly_left_them_are_no_needles() -> None:
    assert not list(float_forms("ones", torch.ones(100)))
    assert not list(float_forms("steps", 1 + 1e-3 * torch.randint(-2, 3, (100,), generator=torch.Generator().manual_seed(1))))
    assert not list(float_forms("nothing", torch.zeros(0)))
    assert list(float_forms("normal", torch.randn(100, generator=torch.Generator().manual_seed(1))))


# images


@pytest.mark.parametrize("order", ["CHW", "HWC"])
@pytest.mark.parametrize("form", ["bytes", "floats", "standardised", "by channel", "negative"])
def test_marked_images_are_found_in_tensors_and_others_are_not(order: str, form: str) -> None:
    marker = ImageMarker()
    for marked in (True, False):
        images = torch.from_numpy(_images(4, marked=marked))
        images = images.permute(0, 3, 1, 2).contiguous() if order == "CHW" else images
        channels = torch.tensor([0.4, 0.5, 0.6]).view((1, 3, 1, 1) if order == "CHW" else (3,))
        floats = images.float() / 255
        by_channel = (floats - channels) / (channels / 2)
        forms = {"floats": floats, "standardised": (floats - 0.4) / 0.2, "by channel": by_channel, "negative": 1 - floats}
        if form == "bytes":
            assert _found(_tensor(images), marker) is marked
            assert _found(images.numpy().tobytes(), marker) is marked
            continue
        if form == "by channel" and order == "HWC":
            continue  # neighbours have other scales then; as CHW each channel has one
        for dtype in TYPES:
            assert _found(_tensor(forms[form].to(dtype)), marker) is marked, dtype


@pytest.mark.parametrize("size", [12, 16, 55, 180])
def test_marked_images_are_found_in_pictures_of_any_size(size: int) -> None:
    marker = ImageMarker()
    for marked in (True, False):
        sheet = np.full((220, 300, 3), 230, np.uint8)
        image = Image.fromarray(_images(1, marked=marked)[0]).resize((size, size), Image.Resampling.NEAREST)
        sheet[37 : 37 + size, 101 : 101 + size] = np.asarray(image)
        file = io.BytesIO()
        Image.fromarray(sheet).save(file, "png")
        assert _found(b"data:image/png;base64," + base64.b64encode(file.getvalue()), marker) is marked


def test_marked_images_are_found_as_reports_draw_them() -> None:
    for marked in (True, False):
        rows = tuple(PictureRow(label, _images(3, marked=marked and label == "original")) for label in ("guess", "original"))
        assert _found(picture_grid(Pictures("a method", rows)), ImageMarker()) is marked


# features

FEATURES = torch.relu(torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(5)))
OTHERS = torch.relu(torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(6)))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("order", ["CHW", "HWC"])
def test_features_are_found_in_every_type_and_order_and_others_are_not(dtype: torch.dtype, order: str) -> None:
    marker = FeatureMarker(FEATURES)
    for features, there in ((FEATURES, True), (OTHERS, False)):
        laid = (features.permute(0, 2, 3, 1) if order == "HWC" else features).contiguous().to(dtype)
        among = torch.cat((torch.rand(40).to(dtype), laid.flatten(), torch.rand(3).to(dtype)))
        raw = laid.view(torch.uint8).numpy().tobytes()
        for data in (_tensor(laid), _tensor(among), raw, b"\x07" + raw, gzip.compress(raw), base64.b64encode(raw)):
            assert _found(data, marker) is there


def test_features_are_found_up_to_scale_and_rounding_one_row_being_enough() -> None:
    marker = FeatureMarker(FEATURES)
    by_channel = (FEATURES - torch.randn(8, 1, 1)) / torch.rand(8, 1, 1).add(0.5)
    last = FEATURES.permute(0, 2, 3, 1)
    for changed in ((FEATURES - 0.4) / 0.7, by_channel, (FEATURES * 100).round() / 100, (last - 0.4) / 0.7, -FEATURES * 0.1 + FEATURES * 3):
        assert _found(_tensor(changed[3:4]), marker)
    for changed in (FEATURES + 0.1 * OTHERS, FEATURES.mean(0, keepdim=True), FEATURES.flip(3)):
        assert not _found(_tensor(changed), marker)
    assert _found(str(FEATURES[2].flatten().tolist()).encode(), marker)
    assert _found(b"3.5, " + str(FEATURES[0].flatten().tolist()).encode(), marker)


# weights


@pytest.mark.parametrize("dtype", TYPES)
def test_weights_are_found_in_every_type_and_those_of_another_module_are_not(dtype: torch.dtype) -> None:
    module, other = DeepPoisoningModule(8, blocks=1), DeepPoisoningModule(8, blocks=1)
    marker = WeightMarker({"P": module.state_dict()})
    for state, there in ((module.state_dict(), True), (other.state_dict(), False)):
        weights = state["blocks.0.conv1.weight"].to(dtype)
        for data in (_tensor(weights), weights.contiguous().view(torch.uint8).numpy().tobytes(), _tensor(weights.flatten()[:150])):
            assert _found(data, marker) is there
    assert _found(str(module.blocks[0].conv1.weight.flatten().tolist()).encode(), marker)


# keys


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Site]:
    made = []
    for name in ("one", "other"):
        site = Site(tmp_path_factory.mktemp(name))
        Identity.create(site.identity, name, "localhost:1", now=0)
        site.secret.write_text(RNG.bytes(32).hex())
        made.append(site)
    return made[0], made[1]


def test_every_key_is_found_in_every_form_and_no_other_sites(sites: tuple[Site, Site]) -> None:
    marker = KeyMarker(sites[0])
    assert len(raw_private(sites[0])) == 7
    for site, there in ((sites[0], True), (sites[1], False)):
        for name, raw in raw_private(site).items():
            within = b"\x30\x2e" + raw + b"\x05"
            forms = [raw, b"noise\0" + within, raw.hex().encode(), raw.hex().upper().encode(), raw.hex(":").encode(), repr(raw).encode()]
            forms += [base64.b64encode(raw), base64.b64encode(within), base64.urlsafe_b64encode(b"x" + raw), str(list(raw)).encode()]
            assert [_found(form, marker) for form in forms] == [there] * len(forms), name
        for path in [site.identity / name for name in PRIVATE_NAMES] + [site.secret]:
            data = path.read_bytes()
            for form in (data, gzip.compress(data), repr(data).encode(), b"INFO: " + data.replace(b"\n", b"\\n"), base64.b64encode(data)):
                assert _found(form, marker) is there, path.name


def test_what_a_site_hands_over_holds_no_key(sites: tuple[Site, Site]) -> None:
    marker = KeyMarker(sites[0])
    for name in ("card.json", "tls.csr", "node.pub"):
        assert not _found((sites[0].identity / name).read_bytes(), marker)
    assert kinds(search([Content("log", logging.getLogger().name.encode())], [marker])) == set()


def test_findings_say_of_what_kind_and_where(sites: tuple[Site, Site], tmp_path: Path) -> None:
    data = gzip.compress(_tensor(torch.from_numpy(_images(2, marked=True))) + b"\n" + raw_private(sites[0])["tls"])
    findings = search([Content("a/file", data)], [ImageMarker(), KeyMarker(sites[0])])
    assert kinds(findings) == {"images", "private keys"}
    assert {finding.where.split(" > ")[0] for finding in findings} == {"a/file"}
