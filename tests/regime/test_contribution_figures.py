"""The figures of a contribution: of the release as it leaves, by the decider and by the attackers."""

import copy
from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.protocols import Guess
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.split_net import Decider
from dpm_flower.methods.class_means import ClassMeanFeatures
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.regime.contribute import contribute
from dpm_flower.training.perturbation import GaussianNoise
from dpm_flower.training.prediction import apply
from tests.regime.contributions import preparation_of, released
from tests.regime.examples import FEW, NETS, POISONING, STUDY, notary, task
from tests.training.toys import CPU, SIDE, deciding_nets


def test_the_figures_are_those_of_the_release_as_it_leaves(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, POISONING, 0, notary())
    batch, _ = released(one, made)

    def slow_ssim(features):
        guess = Guess(apply(NETS.reconstructor, features, CPU))
        return float(disclosure(one.train.images, guess, NETS.featurizer, CPU).ssim.mean())

    assert made.quality["ssim_p"] == pytest.approx(slow_ssim(batch.features), abs=1e-6)
    assert made.quality["ssim_z"] == pytest.approx(slow_ssim(apply(NETS.featurizer, one.train.images, CPU)), abs=1e-6)


def test_the_decider_is_asked_about_held_out_images_raw_and_as_they_would_be_released(tmp_path):
    one, nets = task(tmp_path), deciding_nets()
    made = contribute(one, nets, POISONING, 0, notary())
    sharer = POISONING.prepare(replace(preparation_of(one), net=nets))
    for name, features in (
        ("z", apply(nets.featurizer, one.test.images, CPU)),
        ("p", sharer.share(one.test.images, one.test.labels).features),
    ):
        answers = nets.decider(features).argmax(1)
        assert made.quality[f"top1_{name}"] == pytest.approx(float((answers == one.test.labels).float().mean()))
    assert made.quality["top1_z"] != made.quality["top1_p"]


@pytest.mark.parametrize("method", [ClassMeanFeatures(), Coded(method=ClassMeanFeatures(), codec="avif-60")], ids=lambda one: one.name)
def test_what_is_made_of_labels_alone_has_no_accuracy_as_received(method, tmp_path):
    """Made for the true labels of held-out images, it would tell whoever knows them how well they are known."""
    made = contribute(task(tmp_path), NETS, method, 0, notary())
    assert "top1_z" in made.quality
    assert [key for key in made.quality if key.startswith("top") and key.endswith("_p")] == []


@pytest.mark.parametrize("method", [RawFeatures(), RawImages()])
def test_raw_releases_change_nothing_for_the_decider(tmp_path, method):
    one = task(tmp_path)
    made = contribute(one, NETS, method, 0, notary())
    assert made.quality["top1_p"] == made.quality["top1_z"]


def test_the_owner_s_pictures_show_a_few_images_and_what_a0_makes_of_them(tmp_path):
    one = task(tmp_path)
    made = contribute(one, NETS, POISONING, 0, notary())
    pictures = load_file(one.site.pictures("c-0", repr(POISONING)))
    shapes = {name: tuple(images.shape) for name, images in pictures.items() if ".worst." not in name}
    assert shapes == dict.fromkeys(("originals", "A0.z", "A0.p"), (3, 3, SIDE, SIDE))
    assert torch.equal(pictures["originals"], one.train.images[:3])
    batch, _ = released(one, made)
    torch.testing.assert_close(pictures["A0.p"], apply(NETS.reconstructor, batch.features[:3], CPU))


@dataclass(frozen=True)
class NearlyOne:
    """Shares features that half precision makes ones."""

    name: str = "nearly-one"

    def prepare(self, preparation):
        return self

    def share(self, images, labels):
        return SharedFeatures(torch.full((len(images), *NETS.spec.shape), 1 - 1e-5), labels)


class SaysWhetherOne(torch.nn.Module):
    """Features (B,C,h,w) -> logits (B,3): class 0 where they are exactly 1, class 2 where they are not."""

    def forward(self, features):
        exact = (features == 1).flatten(1).all(1).float()
        return torch.stack((exact, torch.zeros_like(exact), 1 - exact), 1)


def test_the_decider_is_asked_about_held_out_features_as_a_peer_would_decode_them(tmp_path):
    one, nets = task(tmp_path), copy.deepcopy(NETS)
    nets.decider = Decider(SaysWhetherOne(), torch.nn.Identity())
    made = contribute(one, nets, NearlyOne(), 0, notary())
    assert made.quality["top1_p"] == pytest.approx(float((one.test.labels == 0).float().mean()))
    assert made.quality["top1_z"] == pytest.approx(float((one.test.labels == 2).float().mean()))


def test_what_a_sharer_has_to_tell_stands_among_the_figures_of_its_release(tmp_path):
    one, method = task(tmp_path), PerturbedFeatures(perturbation=GaussianNoise(sigma=1.5))
    made = contribute(one, NETS, method, 0, notary())
    stream_of_method = one.stream("method", repr(method))
    told = method.prepare(replace(preparation_of(one), validation=one.validation, rng=stream_of_method)).figures
    assert told["perturbation_strength"] == 1.5
    assert told.items() <= made.quality.items()
    assert {"ssim_p", "top1_p"} <= made.quality.keys() - told.keys()
    assert not [name for name in contribute(one, NETS, RawFeatures(), 1, notary()).quality if name.startswith("perturbation")]


def test_the_study_s_attacks_are_asked_and_the_manifest_says_what_came_of_it(tmp_path):
    attack = OtherReconstructor(blocks=1, fitting=FEW)
    one = task(tmp_path, study=replace(STUDY, attacks=(attack,)))
    made = contribute(one, NETS, POISONING, 0, notary())
    _, manifest = released(one, made)
    heads = ("", f"{attack.name}.")
    assert {f"{head}{name}_{of}" for head in heads for name in ("ssim", "windowed_ssim", "l1", "psnr") for of in "zp"} <= set(made.quality)
    assert manifest.audit[f"{attack.name}.ssim_p"] == made.quality[f"{attack.name}.ssim_p"]


def test_a_task_of_many_classes_has_top_five_figures(tmp_path):
    nets = copy.deepcopy(NETS)
    nets.decider.head = torch.nn.Linear(nets.decider.head.in_features, 12)
    made = contribute(task(tmp_path), nets.frozen(), POISONING, 0, notary())
    for of in "zp":
        assert 0 <= made.quality[f"top1_{of}"] <= made.quality[f"top5_{of}"] <= 1
    assert "top5_z" not in contribute(task(tmp_path / "few"), NETS, POISONING, 0, notary()).quality
