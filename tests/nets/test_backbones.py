import pytest
import torch
from torch import nn

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.backbones import SMALL, backbone_names, block_kind, build_backbone, published_weights
from dpm_flower.nets.block_kinds import make_block
from tests.nets.outlines import CLASSES, outline, traced_outline

TORCHVISION = [name for name in backbone_names() if name + SMALL in backbone_names()]
THIN = ["resnet20", "resnet32", "resnet44", "resnet56"]


def test_the_known_names_are_the_promised_ones() -> None:
    assert [name for name in backbone_names() if not name.endswith(SMALL) and name not in TORCHVISION] == THIN
    assert sorted(TORCHVISION) == sorted(
        [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
        + ["wide_resnet50_2", "wide_resnet101_2", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"]
        + [f"vgg{depth}{end}" for depth in (11, 13, 16, 19) for end in ("", "_bn")]
        + [f"densenet{depth}" for depth in (121, 161, 169, 201)]
    )


@pytest.mark.parametrize("name", backbone_names())
def test_every_backbone_answers_with_logits(name: str) -> None:
    assert traced_outline(name)[0].network(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, CLASSES)


# What torchvision's documentation says of them: parameters in millions, for 1000 classes.
MILLIONS = {"resnet34": 21.80, "resnext101_64x4d": 83.46, "vgg13_bn": 133.05, "densenet161": 28.68}


@pytest.mark.parametrize("name", MILLIONS)
def test_the_networks_are_torchvision_s(name: str) -> None:
    assert sum(p.numel() for p in outline(name, classes=1000).parameters()) / 1e6 == pytest.approx(MILLIONS[name], abs=0.01)


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_small_twin_differs_in_its_stem_and_sees_small_images_finely(name: str) -> None:
    full, small = (traced_outline(one)[1] for one in (name, name + SMALL))
    assert [p.names for p in small] == [p.names for p in full if p.name != "features.pool0"]
    assert [p.non_negative for p in small] == [p.non_negative for p in full if p.name != "features.pool0"]
    finer = 1 if name.startswith("vgg") else 4
    sides = {p.name: p.shape[1] for p in full}
    blocks = [p for p in small if p.name.startswith(("conv4", "features.denseblock3", "features.5"))]
    assert blocks
    assert all(p.shape[1] == sides[p.name] * finer for p in blocks)


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "vgg11-small", "densenet121-small"])
def test_weights_depend_on_the_generator_and_on_nothing_else(name: str) -> None:
    def digest(seed: int) -> str:
        torch.rand(seed + 1)  # the process's own generator has moved, which must not matter
        return tensors_digest(build_backbone(name, 3, stream(seed)).state_dict())

    assert digest(0) == digest(0) != digest(1)


def test_the_global_generator_stays_as_it_was() -> None:
    state = torch.get_rng_state()
    build_backbone("resnet20", 3, stream(0))
    assert torch.equal(torch.get_rng_state(), state)


RESIDUAL = [name for name in TORCHVISION if "resne" in name]


@pytest.mark.parametrize("name", RESIDUAL)
def test_a_residual_backbone_s_kind_is_its_own_block(name: str) -> None:
    network = traced_outline(name)[0].network
    for stage in (1, 2, 3, 4):
        theirs = network.get_submodule(f"layer{stage}.1")
        channels = next(m for m in reversed(list(theirs.modules())) if isinstance(m, nn.BatchNorm2d)).num_features
        with torch.device("meta"):
            ours = make_block(block_kind(name), channels, final_relu=True)
        assert {key: tensor.shape for key, tensor in ours.state_dict().items()} == {
            key: tensor.shape for key, tensor in theirs.state_dict().items()
        }
        assert ours.conv2.groups == theirs.conv2.groups


def test_the_other_families_have_theirs() -> None:
    kinds = {name: block_kind(name) for name in TORCHVISION if name not in RESIDUAL}
    assert {kind for name, kind in kinds.items() if name.startswith("densenet")} == {"dense"}
    assert {kind for name, kind in kinds.items() if name.endswith("_bn")} == {"basic"}
    assert {kind for name, kind in kinds.items() if name.startswith("vgg") and not name.endswith("_bn")} == {"vgg"}
    assert {block_kind(name) for name in THIN} == {"basic"}
    assert all(block_kind(name) == block_kind(name + SMALL) for name in TORCHVISION)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_publishes_weights_for_its_own_networks(name: str) -> None:
    assert published_weights(name).startswith(f"https://download.pytorch.org/models/{name}-")


@pytest.mark.parametrize("name", ["resnet20", "resnet18-small", "vgg16-small"])
def test_there_are_no_published_weights_for_others(name: str) -> None:
    with pytest.raises(SettingError, match=f"publishes weights for resnet18, .*; got '{name}'"):
        published_weights(name)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    for ask in (lambda: build_backbone("resnet21", 3, stream(0)), lambda: block_kind("resnet21"), lambda: published_weights("resnet21")):
        with pytest.raises(SettingError, match=r"resnet20, .*resnet50, .*densenet121-small, .*got 'resnet21'"):
            ask()


@pytest.mark.parametrize("name", ["resnet20", "resnet18"])
def test_no_classes_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match="at least one class, got 0"):
        build_backbone(name, 0, stream(0))
