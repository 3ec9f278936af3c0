from typing import get_args

import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.encryption import Shuffling
from dpm_flower.nets.pevit import SIZES, Positions, ReferenceToken, VisionTransformer, VitSize

SMALL = VitSize(12, 2, 3)
IMAGES = torch.rand(4, 3, 16, 16, generator=stream(0))


def build(positions, **knobs):
    """A network whose positions tell something, as trained ones do: fresh ones are nearly 0."""
    with global_generator_from(stream(0, "vit")):
        network = VisionTransformer(**({"side": 16, "patch": 4, "classes": 5, "positions": positions, "size": SMALL} | knobs))
        for parameter in network.placing.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        torch.nn.init.normal_(network.head.weight, std=0.5)
    return network.eval()


@pytest.mark.parametrize("positions", get_args(Positions))
def test_without_positions_the_order_of_the_patches_does_not_matter_and_with_them_it_does(positions):
    network = build(positions)
    with torch.no_grad():
        logits = network(IMAGES)
        moved = [network(Shuffling(patch=4)(IMAGES, stream(seed))) for seed in range(5)]
    furthest = max(float((one - logits).abs().max()) for one in moved)
    assert logits.shape == (4, 5)
    assert float(logits.std()) > 0.05
    assert furthest > 0.02 if positions == "learned" else furthest < 1e-5


def test_what_lies_within_a_patch_does_matter():
    with torch.no_grad():
        for positions in ("none", "reference"):
            network = build(positions)
            assert float((network(Shuffling(patch=2)(IMAGES, stream(0))) - network(IMAGES)).abs().max()) > 0.005


def test_the_reference_token_moves_each_token_by_itself():
    with global_generator_from(stream(0)):
        step = ReferenceToken(6)
    tokens = torch.randn(2, 5, 6, generator=stream(1))
    e, r = tokens[0, 3], step.reference
    wanted = e + torch.sigmoid(step.out.weight @ torch.relu(step.within.weight @ (e - r) + step.within.bias) + step.out.bias)
    torch.testing.assert_close(step(tokens)[0, 3], wanted)
    torch.testing.assert_close(step(tokens.flip(1)), step(tokens).flip(1))


def test_every_parameter_learns():
    for positions in get_args(Positions):
        network = build(positions).train()
        network(IMAGES).logsumexp(1).sum().backward()
        assert all(parameter.grad is not None and float(parameter.grad.abs().max()) > 0 for parameter in network.parameters())


@pytest.mark.parametrize(("name", "millions"), [("tiny", 5.7), ("small", 22), ("base", 86)])
def test_sizes_are_deit_s(name, millions):
    with torch.device("meta"):
        network = VisionTransformer(224, 16, 1000, "learned", name)
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(1e6 * millions, rel=0.02)


def test_equal_states_of_the_generator_give_equal_networks_and_colours_are_standardised():
    one, other = build("learned"), build("learned")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    network, seen = build("none"), []
    network.embedding.register_forward_hook(lambda module, given, _: seen.append(given[0]))
    network(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 16, 16))
    assert float(seen[0].detach().abs().max()) < 1e-6


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"size": "huge"}, "one of mini, tiny, small, base, or a VitSize, got 'huge'"),
        ({"patch": 5}, "fill a side of 16 pixels exactly, got patches of 5"),
        ({"positions": "rotary"}, "one of learned, none, reference, got 'rotary'"),
        ({"classes": 0}, "at least one class, got 0"),
    ],
)
def test_knobs_that_cannot_work_are_refused(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        VisionTransformer(**({"side": 16, "patch": 4, "classes": 5, "positions": "none", "size": SMALL} | knobs))


@pytest.mark.parametrize("knobs", [(10, 2, 3), (0, 2, 1), (12, 0, 3), (12, 2, 0)])
def test_sizes_that_cannot_be_are_refused(knobs):
    with pytest.raises(SettingError, match="heads divide the width"):
        VitSize(*knobs)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"wanted images \(B, 3, 16, 16\), got \(4, 3, 16, 12\)"):
        build("none")(IMAGES[..., :12])
    assert set(SIZES) == {"mini", "tiny", "small", "base"}
