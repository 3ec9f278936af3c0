"""The sweep of anchor losses with networks that have hardly begun to learn: every way in which a classifier is trained."""

import csv
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from dpm_flower.apps.study_command import run
from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.raw_images import RawImages
from simulations import anchors

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)
ARMS = (
    *(replace(arm, method=POISONING if isinstance(arm.method, DeepPoisoning) else arm.method) for arm in anchors.DIGITS.arms),
    SharingArm(name="shared decider", method=POISONING, refine="shared", rounds=2),
    SharingArm(name="all raw images", method=RawImages(), refine="network", receivers=("a",)),
    AveragingArm(name="FedAvg", rounds=2),
    AveragingArm(name="from scratch", rounds=2, start="scratch"),
)
TINY = replace(
    anchors.DIGITS,
    side=12,
    partition=replace(anchors.DIGITS.partition, entities=(("a", 0.05), ("b", 0.04)), public=0.1, validation=0.2),
    arms=ARMS,
    seeds=(0,),
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    augment="none",
    pictures=2,
)
FEWER = replace(TINY, arms=ARMS[2:3])  # refinement is the same code for every loss
LOSSES = dict(anchors.LOSSES)
VARIANTS = {
    "euclidean-orthonormal": replace(TINY, loss=LOSSES["euclidean-orthonormal"]),
    "cosine-simplex": replace(FEWER, loss=LOSSES["cosine-simplex"]),
}
SWEEP = Sweep(name="tiny-anchors", variants=tuple(VARIANTS.items()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("anchors")
    assert run("tests.simulations.test_anchors:SWEEP", "", "", made, in_process=True, cpus_per_client=1) == 0
    return made


@pytest.mark.parametrize("label", VARIANTS)
def test_every_arm_comes_with_accuracy_and_compactness(folder, label):
    with (folder / label / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["arm"] for row in rows} == {"D as received", *(arm.name for arm in VARIANTS[label].arms)}
    for row in (row for row in rows if not (row["arm"] == "all raw images" and row["entity"] != "a")):
        assert 0 <= float(row["top1"]) <= 1, row
        assert float(row["compactness"]) > 0, row


@pytest.mark.parametrize("label", VARIANTS)
def test_everybody_has_the_lead_s_anchors_whatever_was_trained(folder, label):
    sites = folder / label / "sites"
    (lead,) = {load_file(path)["decider.head.anchors"] for path in sites.glob("a/*/nets.safetensors")}
    refined = sorted(sites.glob("*/*/deciders/*.safetensors"))
    own = [arm for arm in VARIANTS[label].arms if isinstance(arm, SharingArm) and arm.refine in ("own", "network")]
    assert len(refined) == sum(len(arm.receivers or ("a", "b")) for arm in own)
    for path in (*sites.glob("*/*/nets.safetensors"), *refined):
        tensors = load_file(path)
        (own,) = (tensor for name, tensor in tensors.items() if name.endswith("head.anchors"))
        assert torch.equal(own, lead), path
        assert not any(name.endswith("head.weight") for name in tensors)


def test_the_sweep_compares_every_loss_on_every_data_set_and_nothing_else():
    assert len(anchors.SWEEP.variants) == len(anchors.DATA) * len(anchors.LOSSES)
    for name, study in anchors.DATA:
        variants = [anchors.SWEEP.study(f"{name}-{label}") for label, _ in anchors.LOSSES]
        assert len({repr(variant) for variant in variants}) == len(variants)
        assert {replace(variant, loss=study.loss) for variant in variants} == {study}
    anchored = [loss for _, loss in anchors.LOSSES if isinstance(loss, AnchorLoss)]
    assert len({(loss.distance, loss.placing) for loss in anchored}) == 4


def test_without_a_path_the_digits_remain():
    assert [study.data for _, study in anchors.DATA] == ["digits", "{0}", "{1}"]
