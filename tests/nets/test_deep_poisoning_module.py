import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.block_kinds import BLOCK_KINDS
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.nets.dense_block import DenseBlock
from dpm_flower.nets.residual_blocks import BasicBlock, BottleneckBlock
from dpm_flower.nets.vgg_block import VggBlock


def build(seed: int = 0, **knobs) -> DeepPoisoningModule:
    with global_generator_from(stream(seed)):
        return DeepPoisoningModule(8, **knobs)


@pytest.mark.parametrize("kind", BLOCK_KINDS)
@pytest.mark.parametrize("non_negative", [True, False])
@pytest.mark.parametrize("blocks", [1, 4])
def test_the_shape_stays_and_the_sign_is_as_promised(kind, non_negative: bool, blocks: int) -> None:
    module = build(blocks=blocks, kind=kind, non_negative=non_negative)
    features = torch.randn(4, 8, 5, 7, generator=stream(1))
    untouched = features.clone()
    poisoned = module(features)
    assert poisoned.shape == features.shape
    assert bool((poisoned >= 0).all()) is non_negative
    assert torch.equal(features, untouched)


@pytest.mark.parametrize(
    ("kind", "block"), [("basic", BasicBlock), ("resnext-32x4d", BottleneckBlock), ("vgg", VggBlock), ("dense", DenseBlock)]
)
@pytest.mark.parametrize("non_negative", [True, False])
def test_it_is_made_of_blocks_of_that_kind_that_end_as_the_features_do(kind, block: type, non_negative: bool) -> None:
    blocks = list(build(blocks=3, kind=kind, non_negative=non_negative).blocks)
    assert [type(one) for one in blocks] == [block] * 3
    assert [one.final_relu for one in blocks] == [non_negative] * 3


@pytest.mark.parametrize("kind", BLOCK_KINDS)
def test_negative_features_pass_all_blocks(kind) -> None:
    module = build(kind=kind, non_negative=False)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()  # the branches are silent, and what is left is the way past them
    features = torch.randn(4, 8, 5, 7, generator=stream(1))
    assert torch.equal(module(features), features)


def test_modules_of_different_owners_differ_and_of_one_owner_do_not() -> None:
    features = torch.rand(2, 8, 4, 4, generator=stream(1))
    assert torch.equal(build(0)(features), build(0)(features))
    assert not torch.allclose(build(0)(features), build(1)(features))


@pytest.mark.parametrize("kind", BLOCK_KINDS)
def test_every_weight_gets_a_gradient(kind) -> None:
    module = build(kind=kind)
    module(torch.rand(2, 8, 4, 4, generator=stream(1))).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in module.parameters())


@pytest.mark.parametrize("shape", [(2, 7, 4, 4), (8, 4, 4), (2, 8)])
def test_features_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"wanted features of shape \(B, 8, h, w\), got"):
        build()(torch.zeros(shape))


@pytest.mark.parametrize("knobs", [{"channels": 0}, {"channels": 8, "blocks": 0}, {"channels": 8, "kind": "backbone"}])
def test_knobs_that_cannot_work_are_refused(knobs) -> None:
    with pytest.raises(SettingError, match="a DPM"):
        DeepPoisoningModule(**knobs)
