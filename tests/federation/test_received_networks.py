"""What a lead answers with is the study's networks, or it is refused while another lead can still be asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.errors import PeerError
from dpm_flower.core.streams import stream
from dpm_flower.federation.received_networks import check_networks, classes_of
from dpm_flower.nets.public_nets import PublicNets
from tests.small_study import STUDY

Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]
BIAS = "decider.head.bias"


@pytest.fixture(scope="module")
def nets() -> Mapping[str, Tensor]:
    return PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, 7, stream(0, "lead")).frozen().tensors()


def test_the_studys_networks_are_taken_whatever_the_number_of_classes(nets: Mapping[str, Tensor]) -> None:
    check_networks(STUDY, nets)
    assert classes_of(nets) == 7


@pytest.mark.parametrize(
    "change",
    [
        lambda nets: {name: tensor for name, tensor in nets.items() if name != BIAS},
        lambda nets: nets | {"more": torch.zeros(1)},
        lambda nets: nets | {BIAS: torch.zeros(3)},
        lambda nets: nets | {BIAS: nets[BIAS].double()},
        lambda nets: nets | {BIAS: nets[BIAS] * float("nan")},
        lambda nets: {name: -tensor if name.endswith("running_var") else tensor for name, tensor in nets.items()},
        lambda nets: {name: tensor for name, tensor in nets.items() if not name.startswith("decider.")},
        lambda nets: nets | {"decider.head.weight": torch.zeros(0, 64)},
        lambda nets: {},
    ],
)
def test_what_everybody_would_refuse_is_refused_at_once(change: Change, nets: Mapping[str, Tensor]) -> None:
    with pytest.raises(PeerError, match="wanted"):
        check_networks(STUDY, change(dict(nets)))


def test_networks_of_another_kind_are_refused(nets: Mapping[str, Tensor]) -> None:
    for study in (replace(STUDY, backbone="resnet32"), replace(STUDY, loss=AnchorLoss(norm=4.0))):
        with pytest.raises(PeerError, match="wanted the study's public networks"):
            check_networks(study, nets)
