from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.compute import torch_threads
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import OutputError
from dpm_flower.core.streams import stream
from dpm_flower.nets.backbones import build_backbone
from dpm_flower.regime.pretrain import fresh_nets, pretrain
from tests.regime.examples import FEW, STUDY, task

# 21 images, 2 steps an epoch: 12 steps are 6 epochs, of which the reports see the first, the sixth and the last
LONGER = replace(STUDY, pretrain=replace(FEW, steps=12), reconstruct=replace(FEW, steps=12))


def test_the_networks_are_trained_frozen_and_of_the_study_s_kind(tmp_path):
    made = pretrain(task(tmp_path))
    nets = made.nets
    assert made.seconds > 0
    assert (nets.spec.backbone, nets.spec.hook, nets.classes) == ("resnet20", "conv3_1", 3)
    assert nets.spec.featurizer_digest == tensors_digest(nets.featurizer.state_dict())
    fresh = fresh_nets(task(tmp_path))
    for part in ("featurizer", "decider", "reconstructor"):
        network = getattr(nets, part)
        assert not any(module.training for module in network.modules())
        assert not any(p.requires_grad for p in network.parameters())
        assert not any(
            torch.equal(p, q) for p, q in zip(network.parameters(), getattr(fresh, part).parameters(), strict=True) if p.ndim == 4
        )


def test_the_stream_of_the_entity_decides_the_networks(tmp_path):
    digest = pretrain(task(tmp_path / "1")).nets.digest()
    assert pretrain(task(tmp_path / "2")).nets.digest() == digest
    assert pretrain(task(tmp_path / "3", seed=1)).nets.digest() != digest
    assert pretrain(task(tmp_path / "4", "b", train=task(tmp_path, "a").train)).nets.digest() != digest


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    with torch_threads(1):
        return pretrain(task(tmp_path_factory.mktemp("uninterrupted"), study=LONGER)).nets.digest()


@pytest.mark.parametrize(("work", "epoch"), [("backbone", 1), ("backbone", 6), ("reconstructor", 2), ("reconstructor", 12)])
def test_an_interrupted_pre_training_ends_with_the_same_bits(tmp_path, uninterrupted, work, epoch):
    def stop(progress):
        if progress.work == work and progress.epoch >= epoch:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pretrain(task(tmp_path / "1", study=LONGER, report=stop))
    site = task(tmp_path / "1").site
    assert site.checkpoint("c-0", work).exists() == (epoch > 1)
    steps = []
    again = pretrain(task(tmp_path / "1", study=LONGER, report=lambda progress: steps.append((progress.work, progress.step))))
    assert again.nets.digest() == uninterrupted
    assert not site.checkpoint("c-0", "backbone").exists()
    assert not site.checkpoint("c-0", "reconstructor").exists()
    if epoch > 1:
        assert (work, 1) not in steps  # it went on from the checkpoint


def test_with_patience_the_lead_s_own_validation_images_choose(tmp_path):
    study = replace(STUDY, pretrain=replace(FEW, steps=400, patience=1))
    steps = []
    pretrain(task(tmp_path, study=study, report=lambda progress: steps.append(progress.step) if progress.work == "backbone" else None))
    assert max(steps) < 400


def test_augmentation_reaches_the_backbone(tmp_path):
    plain, shifted = pretrain(task(tmp_path / "1")), pretrain(task(tmp_path / "2", study=replace(STUDY, augment="shift")))
    assert plain.nets.digest() != shifted.nets.digest()


def test_threads_are_the_lead_s_and_are_put_back(tmp_path):
    seen = set()
    one = task(tmp_path, study=replace(STUDY, threads=3, lead_threads=1), report=lambda _: seen.add(torch.get_num_threads()))
    with torch_threads(2):
        pretrain(one)
        assert torch.get_num_threads() == 2
    assert seen == {1}


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    one = task(tmp_path)
    one.site.folder.write_text("")
    with pytest.raises(OutputError):
        pretrain(one)


ANCHORED = replace(STUDY, loss=AnchorLoss(norm=2.0))


def test_anchors_belong_to_the_study_and_its_seed_and_everything_else_to_the_entity(tmp_path):
    plain, one = fresh_nets(task(tmp_path)).tensors(), fresh_nets(task(tmp_path, study=ANCHORED)).tensors()
    of_b = fresh_nets(task(tmp_path, "b", study=ANCHORED)).tensors()
    of_another_seed = fresh_nets(task(tmp_path, study=ANCHORED, seed=1)).tensors()
    assert all(torch.equal(one[name], plain[name]) for name in one.keys() & plain.keys())
    assert torch.equal(of_b["decider.head.anchors"], one["decider.head.anchors"])
    assert not torch.equal(of_another_seed["decider.head.anchors"], one["decider.head.anchors"])
    assert not torch.equal(of_b["featurizer.conv1.weight"], one["featurizer.conv1.weight"])


@pytest.mark.parametrize("loss", [AnchorLoss(norm=2.0), AnchorLoss(distance="cosine", scale=16.0, placing="simplex")])
def test_an_anchor_loss_trains_everything_but_the_anchors(tmp_path, loss):
    losses, study = [], replace(LONGER, loss=loss)
    fresh = fresh_nets(task(tmp_path, study=study)).tensors()
    one = task(tmp_path, study=study, report=lambda progress: losses.append(progress.loss) if progress.work == "backbone" else None)
    trained = pretrain(one).nets.tensors()
    assert losses[-1] < losses[0]
    still = {name for name, tensor in trained.items() if torch.equal(tensor, fresh[name])}
    assert still == {"decider.head.anchors"}


@pytest.mark.parametrize("classes", [3, 5])
def test_networks_start_from_the_study_s_weights_whosever_they_are(tmp_path, classes):
    whole = build_backbone(STUDY.backbone, classes, stream(9)).state_dict()
    save_file(whole, tmp_path / "weights.safetensors")
    study = replace(STUDY, weights=str(tmp_path / "weights.safetensors"))
    of_a, of_b = (fresh_nets(task(tmp_path, entity, study=study)).tensors() for entity in ("a", "b"))
    same = {name for name in of_a if torch.equal(of_a[name], of_b[name])}
    head = {"decider.head.weight", "decider.head.bias"}
    assert torch.equal(of_a["featurizer.conv1.weight"], whole["conv1.weight"])
    assert {name for name in of_a if name.startswith(("featurizer.", "decider."))} - same == (head if classes != 3 else set())
    assert not torch.equal(of_a["reconstructor.full_resolution.0.weight"], of_b["reconstructor.full_resolution.0.weight"])
    assert pretrain(task(tmp_path, study=study)).nets.digest() != pretrain(task(tmp_path / "untrained")).nets.digest()
