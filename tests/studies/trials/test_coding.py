from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.attacks import kept_weights
from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.compute import torch_threads
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import silent
from dpm_flower.methods import coded_features
from dpm_flower.methods.coded_features import CodedFeatures
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.payload.codec import encode
from dpm_flower.payload.packing import packed
from dpm_flower.studies.trials import coding_scene
from dpm_flower.studies.trials.coding import CodedTrial, PictureTrial
from dpm_flower.studies.trials.coding_scene import CodingTask
from dpm_flower.studies.trials.coding_systems import Bottleneck, Direct, Poisoned
from dpm_flower.training.feature_coding import CodingLoss
from dpm_flower.training.perturbation import GaussianNoise
from tests.training.toys import CPU, pictures

FEW = Fitting(steps=3, learning_rate=5e-3, batch_size=16, weight_decay=0.0)
TASK = CodingTask(side=12, pretrain=FEW, reconstruct=FEW, attack=FEW, pairs=48)
CODECS = ("avif-10", "avif-80")
SYSTEMS = [
    Direct(),
    Bottleneck(fitting=FEW),
    Bottleneck(loss=CodingLoss(disturb=0.0), fitting=FEW),
    Poisoned(method=DeepPoisoning(blocks=1, fitting=FEW)),
]


@pytest.fixture(autouse=True)
def _one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """One place for all tests: what they have in common is trained once."""
    common = tmp_path_factory.mktemp("common")
    parts = {"train": pictures(64), "test": pictures(24, seed=1)}
    images = {f"x_{name}": as_bytes(part.images).permute(0, 2, 3, 1).numpy() for name, part in parts.items()}
    np.savez(common / "pictures.npz", **images, **{f"y_{name}": part.labels.numpy() for name, part in parts.items()})
    return Ground(data=str(common / "pictures.npz"), seed=0, folder=common / "own", common=common, compute=CPU, report=silent)


def trial(system, codec=CODECS[0]):
    return CodedTrial(name=f"one: {codec}", system=system, codec=codec, codecs=CODECS, task=TASK)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_figures_for_every_quality(system, ground):
    poor, good = (trial(system, codec).run(ground) for codec in CODECS)
    assert isinstance(trial(system), Trial)
    assert poor.figures.keys() == good.figures.keys() == {"bytes", "bpp", "top1", "top1_raw", "psnr", "ssim", "psnr_label"}
    assert 0 < poor.figures["bytes"] < good.figures["bytes"]
    assert poor.figures["bpp"] == pytest.approx(poor.figures["bytes"] * 8 / 144)
    for name in ("top1_raw", "psnr_label"):
        assert poor.figures[name] == good.figures[name]
    assert set(poor.pictures) == {"image", "guess"}
    assert poor.pictures["guess"].shape == poor.pictures["image"].shape == (8, 3, 12, 12)


def test_the_bytes_are_those_of_a_release_and_the_answers_those_to_what_is_decoded(ground):
    scene = TASK.scene(ground)
    cut = SYSTEMS[1].cut(scene)
    sent = cut.sent(scene.test_features)
    decoded, size = scene.released(sent, "avif-10")
    batch = coding_scene.SharedFeatures(sent, scene.test.labels, "avif-10")
    assert size == sum(packed(shard).size_bytes for shard in encode(batch)) / len(sent)
    assert torch.equal(decoded, coding_scene.as_received(batch).features)
    assert sent.shape[1] < scene.nets.spec.shape[0]
    scene.nets.spec.check(cut.read(decoded))


def test_a_system_and_its_attacker_are_trained_once_and_again_for_other_settings(ground, monkeypatch):
    trained = []
    fit = coded_features.train_feature_coding
    monkeypatch.setattr(coded_features, "train_feature_coding", lambda *args, **named: trained.append("system") or fit(*args, **named))
    attack = kept_weights.train_reconstructor
    monkeypatch.setattr(kept_weights, "train_reconstructor", lambda *args, **named: trained.append("attacker") or attack(*args, **named))
    system = Bottleneck(loss=CodingLoss(disturb=0.0, compress=0.2), fitting=FEW)
    first = trial(system).run(ground)
    assert trained == ["system", "attacker"]
    assert trial(system).run(ground).figures == first.figures
    trial(system, CODECS[1]).run(ground)
    assert trained == ["system", "attacker"]
    replace(trial(system), codecs=CODECS[:1]).run(ground)
    assert trained == ["system", "attacker", "attacker"]


@pytest.mark.parametrize(
    ("system", "method"),
    [
        (Bottleneck(loss=CodingLoss(disturb=0.3), fitting=FEW), CodedFeatures(loss=CodingLoss(disturb=0.3), fitting=FEW)),
        (Poisoned(method=DeepPoisoning(weight=5.0, blocks=1, fitting=FEW)), DeepPoisoning(weight=5.0, blocks=1, fitting=FEW)),
    ],
)
def test_a_system_is_trained_as_its_method_is(system, method, ground, monkeypatch):
    asked, train = [], type(method).train
    monkeypatch.setattr(type(method), "train", lambda self, *args, **named: asked.append(self) or train(self, *args, **named))
    system.cut(TASK.scene(ground))
    assert asked == [method]


def test_the_attacker_learns_from_what_is_decoded_of_every_codec(ground, monkeypatch):
    seen = []
    attack = kept_weights.train_reconstructor
    monkeypatch.setattr(kept_weights, "train_reconstructor", lambda *args, **named: seen.append(args[1:3]) or attack(*args, **named))
    scene = replace(TASK, attack=replace(FEW, steps=2)).scene(ground)
    scene.attacker("new", lambda features: features, CODECS)
    ((decoded, images),) = seen
    owned = torch.randperm(len(scene.train), generator=ground.stream("pairs"))[:48]
    assert torch.equal(images, scene.train.images[owned])
    for place, codec in enumerate(CODECS):
        assert torch.equal(decoded[place::2], scene.received(scene.train_features[owned][place::2], codec))


def test_the_attacker_of_a_bottleneck_is_no_narrower_than_that_of_the_features(ground):
    scene = TASK.scene(ground)
    sizes = [sum(p.numel() for p in scene.attacker(repr(one), one.cut(scene).sent, CODECS).parameters()) for one in SYSTEMS[:2]]
    assert sizes[1] >= sizes[0]


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_pictures_are_files_of_their_own_and_the_decoded_image_is_the_guess(kind, ground):
    poor, good = (PictureTrial(name="one", format=kind, quality=quality, task=TASK).run(ground) for quality in (10, 90))
    scene = TASK.scene(ground)
    assert poor.figures["bytes"] < good.figures["bytes"]
    assert poor.figures["psnr"] < good.figures["psnr"]
    assert poor.figures["psnr"] > poor.figures["psnr_label"]
    assert 0 < poor.figures["bytes_shared"] < poor.figures["bytes"]  # tables are not each picture's own
    file = BytesIO()
    knobs = {"optimize": True} if kind == "JPEG" else {"max_threads": 1}
    Image.fromarray(as_bytes(scene.test.images[0]).permute(1, 2, 0).numpy()).save(file, kind, quality=10, **knobs)
    with Image.open(BytesIO(file.getvalue())) as image:
        pixels = torch.tensor(list(image.convert("RGB").tobytes())).view(12, 12, 3).permute(2, 0, 1) / 255
    assert torch.allclose(poor.pictures["guess"][0], pixels)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: trial(Direct(), "avif-50"), "which the attacker learns from, got 'avif-50'"),
        (lambda: CodedTrial(name="x", system=Direct(), codec="gif", codecs=("gif",)), "a codec is"),
        (lambda: PictureTrial(name="x", format="GIF", quality=5), "JPEG or AVIF"),
        (lambda: PictureTrial(name="x", format="JPEG", quality=0), "quality from 1 to 100"),
        (lambda: CodingTask(pairs=1), "at least 2 pairs"),
        (lambda: replace(trial(Direct()), codecs=(*CODECS, "webp"), task=replace(TASK, pairs=2)), "as there are codecs, 3, got 2"),
        (lambda: CodingTask(attack=replace(FEW, patience=1)), "without patience"),
        (lambda: Poisoned(method=DeepPoisoning(perturbation=GaussianNoise(sigma=1.0))), "noise has no place"),
    ],
)
def test_knobs_that_cannot_work_are_refused(make, said):
    with pytest.raises(SettingError, match=said):
        make()
