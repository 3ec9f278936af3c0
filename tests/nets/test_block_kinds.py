import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.block_kinds import BLOCK_KINDS, make_block


@pytest.mark.parametrize("kind", BLOCK_KINDS)
@pytest.mark.parametrize("channels", [1, 6, 64])
def test_every_kind_keeps_the_shape_and_leaves_what_it_is_given(kind, channels: int) -> None:
    features = torch.randn(2, channels, 5, 3, generator=stream(1))
    untouched = features.clone()
    assert make_block(kind, channels, final_relu=True)(features).shape == features.shape
    assert torch.equal(features, untouched)


@pytest.mark.parametrize("kind", BLOCK_KINDS)
def test_the_final_relu_is_all_that_the_switch_changes(kind) -> None:
    with global_generator_from(stream(0)):
        linear = make_block(kind, 8, final_relu=False).eval()
    rectified = make_block(kind, 8, final_relu=True).eval()
    rectified.load_state_dict(linear.state_dict())
    features = torch.randn(2, 8, 5, 5, generator=stream(1))
    assert linear(features).min() < 0
    assert torch.equal(rectified(features), linear(features).relu())


def test_no_two_kinds_are_the_same_block() -> None:
    with torch.device("meta"):
        blocks = [make_block(kind, 256, final_relu=True) for kind in BLOCK_KINDS]
    assert len({str({key: tensor.shape for key, tensor in block.state_dict().items()}) for block in blocks}) == len(BLOCK_KINDS)


def test_another_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"a DPM's blocks are one of basic, bottleneck, .*dense, got 'backbone'"):
        make_block("backbone", 8, final_relu=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", BLOCK_KINDS)
def test_no_channels_are_refused(kind) -> None:
    with pytest.raises(SettingError, match="at least one channel"):
        make_block(kind, 0, final_relu=True)
