import pytest
import torch

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.backbones import backbone_names, block_kind, build_backbone


def test_the_known_names_are_the_promised_ones() -> None:
    assert set(backbone_names()) >= {"resnet20", "resnet32", "resnet44", "resnet56", "resnet18", "resnet50"}


@pytest.mark.parametrize("name", backbone_names())
def test_every_backbone_answers_with_logits(name: str) -> None:
    network = build_backbone(name, 5, stream(0)).eval()
    assert network(torch.rand(1, 3, 32, 32)).shape == (1, 5)


@pytest.mark.parametrize("name", ["resnet20", "resnet18"])
def test_weights_depend_on_the_generator_and_on_nothing_else(name: str) -> None:
    def digest(seed: int) -> str:
        torch.rand(seed + 1)  # the process's own generator has moved, which must not matter
        return tensors_digest(build_backbone(name, 3, stream(seed)).state_dict())

    assert digest(0) == digest(0) != digest(1)


def test_the_global_generator_stays_as_it_was() -> None:
    state = torch.get_rng_state()
    build_backbone("resnet20", 3, stream(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_block_kinds_are_those_of_the_networks() -> None:
    assert block_kind("resnet18") == block_kind("resnet56") == "basic"
    assert block_kind("resnet50") == "bottleneck"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    for ask in (lambda: build_backbone("resnet21", 3, stream(0)), lambda: block_kind("resnet21")):
        with pytest.raises(SettingError, match=r"resnet20, .*resnet50, got 'resnet21'"):
            ask()


@pytest.mark.parametrize("name", ["resnet20", "resnet18"])
def test_no_classes_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match="at least one class, got 0"):
        build_backbone(name, 0, stream(0))
