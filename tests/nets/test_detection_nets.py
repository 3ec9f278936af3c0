"""A detection task's networks as one value: they fit each other, and what is given to all is frozen and a copy."""

import pytest
import torch

from dpm_flower.core.errors import HookError, ReleaseError, SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.detection_nets import DetectionNets

SIZE = (32, 48)


def made(hook: str = "conv3_1", size: tuple[int, int] = SIZE, seed: int = 0) -> DetectionNets:
    return DetectionNets.assemble(8, hook, size, 2, stream(seed, "nets"))


def test_the_networks_fit_the_spec_and_each_other() -> None:
    nets = made().frozen()
    images = torch.rand(2, 3, *SIZE, generator=stream(1))
    features = nets.featurizer(images)
    assert tuple(features.shape[1:]) == nets.spec.shape == (32, 16, 24)
    assert nets.spec.non_negative
    assert float(features.min()) >= 0
    assert nets.reconstructor(features).shape == images.shape
    with torch.no_grad():
        found, alone = nets.whole_network().eval()(images), nets.decider(features)
    assert all(torch.equal(one["boxes"], other["boxes"]) for one, other in zip(found, alone, strict=True))


def test_what_is_given_to_all_is_a_frozen_copy_under_the_digest_of_its_weights() -> None:
    nets = made()
    given = nets.frozen()
    assert given.spec == nets.spec
    assert nets.decider.training
    assert all(parameter.requires_grad for parameter in nets.whole_network().parameters())
    for network in (given.featurizer, given.decider, given.reconstructor):
        assert not any(part.training for part in network.modules())
        assert not any(parameter.requires_grad for parameter in network.parameters())
    with torch.no_grad():
        next(nets.featurizer.parameters()).add_(1)
    assert nets.frozen().spec.featurizer_digest != given.spec.featurizer_digest == given.frozen().spec.featurizer_digest


def test_the_whole_network_is_the_parts_and_no_copy() -> None:
    nets = made()
    parts = {*map(id, nets.featurizer.parameters()), *map(id, nets.decider.parameters())}
    assert set(map(id, nets.whole_network().parameters())) == parts


def test_the_stream_decides_the_weights() -> None:
    assert made().spec == made().spec
    assert made().spec.featurizer_digest != made(seed=1).spec.featurizer_digest


@pytest.mark.parametrize(("hook", "size", "error"), [("conv9_1", SIZE, HookError), ("conv3_1", (30, 48), SettingError)])
def test_what_cannot_be_cut_or_read_is_refused(hook: str, size: tuple[int, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        made(hook, size)


def test_what_tensors_gave_makes_the_same_networks_again_and_nothing_else_is_taken() -> None:
    nets, other = made(), made(seed=1)
    tensors = nets.tensors()
    assert {name.partition(".")[0] for name in tensors} == {"featurizer", "decider", "reconstructor"}
    assert other.digest() != nets.digest()
    before = other.digest()
    with pytest.raises(ReleaseError, match="got none of that name"):
        other.load({name: tensor for name, tensor in tensors.items() if not name.startswith("decider")})
    assert other.digest() == before
    other.load(tensors)
    assert (other.digest(), other.spec) == (nets.digest(), nets.spec)
    with torch.no_grad():
        next(iter(tensors.values())).add_(1)
    assert other.digest() == nets.digest()
