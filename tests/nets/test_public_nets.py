from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import DataError, HookError, ReleaseError, SettingError, ShapeError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.split_net import SplitNet
from dpm_flower.core.streams import stream
from dpm_flower.nets.anchor_head import AnchorHead, head_for
from dpm_flower.nets.backbones import backbone_names, build_backbone
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.payload.released_spec import check
from tests.nets.outlines import traced_outline

SIDE = 16


def assemble(seed: int = 0, hook: str = "conv3_1", backbone: str = "resnet20") -> PublicNets:
    return PublicNets.assemble(backbone, hook, SIDE, 4, stream(seed))


def train_a_step(nets: PublicNets) -> None:
    images = torch.rand(4, 3, SIDE, SIDE, generator=stream(1))
    network = nets.whole_network().train()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 3])).backward()
    optimiser.step()


def test_the_parts_fit_together_and_the_spec_describes_them() -> None:
    nets: SplitNet = assemble().frozen()
    images = torch.rand(2, 3, SIDE, SIDE, generator=stream(1))
    features = nets.featurizer(images)
    nets.spec.check(features)
    assert nets.decider(features).shape == (2, nets.classes) == (2, 4)
    assert nets.reconstructor(features).shape == images.shape
    assert (nets.spec.backbone, nets.spec.hook, nets.spec.non_negative) == ("resnet20", "conv3_1", True)
    assert nets.reconstructor.notation == "plain-2-x2"
    assert nets.reconstructor.normalisation == "min-max"


def test_the_same_seed_gives_the_same_networks() -> None:
    assert assemble(0).digest() == assemble(0).digest() != assemble(1).digest()
    assert assemble(0).spec == assemble(0).spec != assemble(1).spec


def test_all_names_of_a_hook_point_give_one_spec() -> None:
    assert assemble(hook="conv3_1").spec == assemble(hook="conv3.0").spec == assemble(hook="conv3.0.relu_1").spec


def test_a_hook_before_the_relu_is_said_to_be_signed() -> None:
    assert not assemble(hook="conv3.0.add").spec.non_negative


def test_frozen_is_a_copy_that_asks_for_no_gradient_and_knows_its_weights() -> None:
    nets = assemble()
    train_a_step(nets)
    frozen = nets.frozen()
    for network in (frozen.featurizer, frozen.decider, frozen.reconstructor):
        assert not any(module.training for module in network.modules())
        assert not any(parameter.requires_grad for parameter in network.parameters())
    assert frozen.digest() == nets.digest()
    assert frozen.spec.featurizer_digest == tensors_digest(frozen.featurizer.state_dict()) != nets.spec.featurizer_digest
    assert all(parameter.requires_grad for parameter in nets.featurizer.parameters())
    before = frozen.digest()
    train_a_step(nets)
    assert frozen.digest() == before


def test_tensors_are_a_snapshot_of_all_weights() -> None:
    nets = assemble()
    tensors = nets.tensors()
    counts = {prefix: sum(name.startswith(f"{prefix}.") for name in tensors) for prefix in ("featurizer", "decider", "reconstructor")}
    networks = {"featurizer": nets.featurizer, "decider": nets.decider, "reconstructor": nets.reconstructor}
    assert counts == {prefix: len(network.state_dict()) for prefix, network in networks.items()}
    assert sum(counts.values()) == len(tensors)
    assert tensors_digest(tensors) == nets.digest()
    train_a_step(nets)
    assert tensors_digest(tensors) != nets.digest()


def test_weights_go_there_and_back() -> None:
    nets, other = assemble(0), assemble(1)
    train_a_step(nets)
    whole = other.whole_network()
    other.load(nets.tensors())
    assert other.digest() == nets.digest()
    assert other.spec == nets.frozen().spec
    images = torch.rand(2, 3, SIDE, SIDE, generator=stream(1))
    assert torch.equal(whole.eval()(images), nets.whole_network().eval()(images))


def test_an_average_loads_with_its_counts_rounded() -> None:
    first, second = assemble(0), assemble(1)
    train_a_step(first)
    theirs = second.tensors()
    first.load({name: tensor.float().add(theirs[name].float()).div(2) for name, tensor in first.tensors().items()})
    assert {tensor.dtype for tensor in first.tensors().values()} == {torch.float32, torch.int64}


@pytest.mark.parametrize(
    ("name", "tensor", "error"),
    [("decider.head.weight", torch.zeros(5, 64), ShapeError), ("decider.head.bias", torch.full((4,), float("nan")), ReleaseError)],
)
def test_bad_weights_are_refused_by_name_and_change_nothing(name: str, tensor: torch.Tensor, error: type[Exception]) -> None:
    nets = assemble(0)
    before, spec = nets.digest(), nets.spec
    with pytest.raises(error, match=name):
        nets.load({**assemble(1).tensors(), name: tensor})
    assert nets.digest() == before
    assert nets.spec is spec


def test_the_whole_network_shares_parameters() -> None:
    nets = assemble()
    shared = {id(parameter) for network in (nets.featurizer, nets.decider) for parameter in network.parameters()}
    assert {id(parameter) for parameter in nets.whole_network().parameters()} == shared
    assert set(nets.whole_network().state_dict()) == {name for name in nets.tensors() if not name.startswith("rec")}


def test_channels_last_weights_have_the_same_digest() -> None:
    nets = assemble()
    before = nets.digest()
    for network in (nets.featurizer, nets.decider, nets.reconstructor):
        network.to(memory_format=torch.channels_last)
    assert nets.digest() == before
    assert all(tensor.is_contiguous() for tensor in nets.tensors().values())


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 11 pixels, got 10"):
        PublicNets.assemble("resnet20", "conv3_1", 10, 4, stream(0))
    with pytest.raises(SettingError, match="got 'resnet21'"):
        PublicNets.assemble("resnet21", "conv3_1", SIDE, 4, stream(0))
    with pytest.raises(HookError, match="got 'conv5_1'"):
        PublicNets.assemble("resnet20", "conv5_1", SIDE, 4, stream(0))


def anchored(hook: str = "conv3_1") -> PublicNets:
    head = head_for(AnchorLoss(norm=2.0), stream(0, "anchors"))
    return PublicNets.assemble("resnet20", hook, SIDE, 4, stream(0), head)


def test_another_head_takes_the_place_of_the_linear_layer_and_of_nothing_else() -> None:
    nets, plain = anchored(), assemble()
    assert isinstance(nets.decider.head, AnchorHead)
    own, theirs = nets.tensors(), plain.tensors()
    assert own.keys() ^ theirs.keys() == {"decider.head.anchors", "decider.head.weight", "decider.head.bias"}
    assert all(torch.equal(own[name], theirs[name]) for name in own.keys() & theirs.keys())
    assert nets.spec == plain.spec
    images = torch.rand(2, 3, SIDE, SIDE, generator=stream(1))
    assert nets.whole_network().eval()(images).shape == (2, 4)


def test_anchors_travel_with_the_weights_and_are_not_trained() -> None:
    nets, other = anchored(), anchored()
    before = nets.tensors()["decider.head.anchors"]
    train_a_step(nets)
    assert torch.equal(nets.tensors()["decider.head.anchors"], before)
    other.load(nets.tensors() | {"decider.head.anchors": before + 1})
    assert torch.equal(other.tensors()["decider.head.anchors"], before + 1)
    assert other.digest() != nets.digest()


def test_a_decider_of_anchors_alone_is_refused() -> None:
    assemble(hook="conv4_3")  # with a linear layer there is something to train
    with pytest.raises(HookError, match="nothing behind 'conv4_3' can be trained"):
        anchored("conv4_3")


def test_weights_are_those_of_the_uncut_backbone_and_the_reconstructor_stays_fresh(tmp_path) -> None:
    whole = build_backbone("resnet20", 4, stream(9)).state_dict()
    save_file(whole, tmp_path / "w.safetensors")
    nets = PublicNets.assemble("resnet20", "conv3_1", SIDE, 4, stream(0), weights=str(tmp_path / "w.safetensors"))
    tensors, fresh = nets.tensors(), assemble().tensors()
    prefixes = ("featurizer.", "decider.trunk.", "decider.head.", "reconstructor.")
    for name, tensor in tensors.items():
        prefix = next(one for one in prefixes if name.startswith(one))
        rest = name.removeprefix(prefix)
        wanted = fresh[name] if prefix == "reconstructor." else whole[f"fc.{rest}" if prefix == "decider.head." else rest]
        assert torch.equal(tensor, wanted), name
    assert nets.spec.featurizer_digest == tensors_digest(nets.featurizer.state_dict()) != assemble().spec.featurizer_digest


def test_weights_that_cannot_be_had_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"none\.pth"):
        PublicNets.assemble("resnet20", "conv3_1", SIDE, 4, stream(0), weights=str(tmp_path / "none.pth"))


@pytest.mark.parametrize(("backbone", "hook"), [("vgg11-small", "features.8"), ("densenet121-small", "features.transition2")])
def test_every_family_becomes_public_networks_whose_spec_can_be_released(backbone: str, hook: str) -> None:
    nets = PublicNets.assemble(backbone, hook, 32, 4, stream(0))
    images = torch.rand(2, 3, 32, 32, generator=stream(1))
    features = nets.featurizer.eval()(images)
    nets.spec.check(features)
    assert nets.reconstructor.eval()(features).shape == images.shape
    assert (nets.spec.backbone, nets.spec.hook) == (backbone, hook)


@pytest.mark.parametrize("backbone", backbone_names())
def test_manifests_may_carry_every_backbone_and_hook_name(backbone: str) -> None:
    points = traced_outline(backbone)[1]
    assert points
    for point in points:
        spec = FeatureSpec(
            backbone=backbone, hook=point.name, shape=point.shape, featurizer_digest="0" * 64, non_negative=point.non_negative
        )
        check(spec)
        with pytest.raises(ReleaseError):
            check(replace(spec, hook=f"{point.name}\n"))
