import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.reconstructor import InverseBottleneck, Reconstructor, Side

FEATURES = (8, 4, 4)


def build(features: tuple[int, int, int] = FEATURES, side: Side = 16, **knobs) -> Reconstructor:
    with global_generator_from(stream(0)):
        return Reconstructor(features, side, **knobs)


@pytest.mark.parametrize("kind", ["plain", "residual"])
@pytest.mark.parametrize("upscale", [2, 4])
@pytest.mark.parametrize("normalisation", ["min-max", "clamp"])
@pytest.mark.parametrize(
    ("features", "side"),
    [((8, 4, 4), 16), ((40, 1, 1), 16), ((5, 3, 3), 16), ((6, 5, 2), 9), ((4, 16, 16), 16), ((300, 2, 2), 3), ((1, 7, 7), 28)],
)
def test_images_have_the_side_and_the_range_whatever_the_features(kind, upscale, normalisation, features, side) -> None:
    network = build(features, side, kind=kind, upscale=upscale, normalisation=normalisation)
    images = network(torch.rand(2, *features, generator=stream(1)))
    assert images.shape == (2, 3, side, side)
    assert images.min() >= 0
    assert images.max() <= 1
    if normalisation == "min-max":
        assert images.amin((1, 2, 3)).eq(0).all()
        assert torch.allclose(images.amax((1, 2, 3)), torch.ones(2))


@pytest.mark.parametrize(
    ("features", "side", "upscale", "groups", "steps"),
    [((8, 4, 4), 16, 2, 2, 2), ((8, 4, 4), 16, 4, 1, 1), ((8, 16, 16), 16, 2, 1, 0), ((8, 3, 3), 16, 2, 3, 3), ((8, 4, 8), 16, 2, 2, 2)],
)
@pytest.mark.parametrize("blocks", [1, 2])
def test_a_group_of_blocks_stands_before_each_step(features, side, upscale, groups, steps, blocks) -> None:
    parts = [type(part) for part in build(features, side, upscale=upscale, blocks=blocks).groups]
    assert parts == (([InverseBottleneck] * blocks + [nn.Upsample]) * groups)[: groups * blocks + steps]
    assert parts.count(nn.Upsample) == steps


@pytest.mark.parametrize("upscale", [2, 4])
@pytest.mark.parametrize(
    ("features", "size", "steps"), [((8, 12, 16), (24, 32), 1), ((4, 3, 5), (12, 40), 3), ((4, 6, 2), (6, 8), 2), ((4, 9, 7), (9, 7), 0)]
)
def test_images_that_are_not_square_have_height_and_width(upscale, features, size, steps) -> None:
    network = build(features, size, upscale=upscale)
    assert network(torch.rand(2, *features, generator=stream(1))).shape == (2, 3, *size)
    if upscale == 2:  # as many as the side wants that has the longer way
        assert [type(part) for part in network.groups].count(nn.Upsample) == steps


def test_one_side_is_height_and_width_alike() -> None:
    features = torch.rand(2, *FEATURES, generator=stream(1))
    assert torch.equal(build(FEATURES, 16)(features), build(FEATURES, (16, 16))(features))


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("normalisation", ["min-max", "clamp"])
@pytest.mark.parametrize("mode", [True, False])
def test_flat_features_and_a_flat_output_never_give_nan(level: float, normalisation, mode: bool) -> None:
    network = build(normalisation=normalisation).train(mode)
    nn.init.zeros_(network.full_resolution[-1].weight)
    nn.init.constant_(network.full_resolution[-1].bias, 0.5)  # the output is one grey, whatever the features are
    features = torch.full((2, *FEATURES), level, requires_grad=True)
    images = network(features)
    (images - torch.rand(images.shape, generator=stream(1))).abs().mean().backward()
    assert images.isfinite().all()
    assert features.grad is not None
    assert all(parameter.grad.isfinite().all() for parameter in [features, *network.parameters()])


def test_the_one_of_dpm_training_is_light() -> None:
    with FlopCounterMode(display=False) as counter:
        build((32, 16, 16), 32).eval()(torch.rand(1, 32, 16, 16))
    assert 0 < counter.get_total_flops() / 2 <= 25e6


def test_wide_features_are_narrowed_and_steps_halve_the_channels() -> None:
    network = build((1024, 2, 2), 16, blocks=1)
    widths = [part.convolutions[-1].out_channels for part in network.groups if isinstance(part, InverseBottleneck)]
    assert widths == [256, 128, 64]
    narrow = build((48, 2, 2), 16, blocks=1)
    assert [part.convolutions[-1].out_channels for part in narrow.groups if isinstance(part, InverseBottleneck)] == [48, 32, 32]


def test_a_residual_block_adds_its_input_before_the_relu() -> None:
    plain, residual = InverseBottleneck(6, 6, "plain"), InverseBottleneck(6, 6, "residual")
    for block in (plain, residual):
        for parameter in block.convolutions[-1].parameters():
            nn.init.zeros_(parameter)
    features = torch.randn(2, 6, 3, 3, generator=stream(1))
    assert not plain(features).any()
    assert torch.equal(residual(features), features.relu())


@pytest.mark.parametrize(
    ("knobs", "notation"),
    [
        ({}, "plain-2-x2"),
        ({"blocks": 1}, "plain-1-x2"),
        ({"upscale": 4}, "plain-2-x4"),
        ({"kind": "residual"}, "residual-2-x2"),
        ({"kind": "residual", "upscale": 4}, "residual-2-x4"),
        ({"normalisation": "clamp"}, "plain-2-x2-clamp"),
    ],
)
def test_notation_is_the_published_one(knobs, notation: str) -> None:
    assert build(**knobs).notation == notation


@pytest.mark.parametrize("normalisation", ["min-max", "clamp"])
def test_it_learns_to_undo_a_known_featurizer(normalisation) -> None:
    images = torch.rand(8, 3, 4, 4, generator=stream(1)).repeat_interleave(4, 2).repeat_interleave(4, 3)
    features = nn.functional.avg_pool2d(images, 4).repeat(1, 3, 1, 1)[:, :8]
    network = build((8, 4, 4), 16, normalisation=normalisation)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = (network(features) - images).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_channels_last_makes_the_same_images() -> None:
    network = build().eval()
    features = torch.rand(2, *FEATURES, generator=stream(1))
    images = network(features)
    network.to(memory_format=torch.channels_last)
    assert torch.allclose(network(features.to(memory_format=torch.channels_last)), images, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 7, 4, 4), (2, 8, 4, 5), (8, 4, 4), (2, 8, 4)])
def test_features_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"wanted features of shape \(B, 8, 4, 4\), got \(\d"):
        build()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"features": (8, 17, 4)}, "no larger than the image's side of 16, got 17x4"),
        ({"features": (8, 5, 4), "side": (4, 16)}, "no larger than the image's size of 4x16, got 5x4"),
        ({"features": (0, 4, 4)}, "three positive numbers"),
        ({"kind": "fancy"}, "'fancy'"),
        ({"upscale": 3}, "2 or 4, got 3"),
        ({"normalisation": "sigmoid"}, "'sigmoid'"),
        ({"blocks": 0}, "at least 1, got 0"),
    ],
)
def test_knobs_that_cannot_work_are_refused(knobs, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        build(**knobs)
