"""Where averagings begin: the lead's tensors, or untrained ones of the server's own stream."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.errors import ArmError
from dpm_flower.core.streams import stream
from dpm_flower.federation.averaging_start import decider_of, start_of
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.pretrain import study_head
from tests.small_study import STUDY

NETWORK = AveragingArm(name="network")
DECIDER = replace(NETWORK, part="decider")
SCRATCH = replace(NETWORK, start="scratch")
KINDS = [NETWORK, DECIDER, SCRATCH, replace(SCRATCH, part="decider")]


@pytest.fixture(scope="module")
def lead() -> Mapping[str, Tensor]:
    return PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, 7, stream(0, "lead")).tensors()


def test_the_leads_network_goes_without_the_reconstructor(lead: Mapping[str, Tensor]) -> None:
    start = start_of(STUDY, 0, NETWORK, lead)
    assert set(start) == {name for name in lead if name.startswith(("featurizer.", "decider."))}
    assert all(start[name] is lead[name] for name in start)


def test_a_deciders_tensors_have_its_own_names(lead: Mapping[str, Tensor]) -> None:
    start = start_of(STUDY, 0, DECIDER, lead)
    assert {f"decider.{name}" for name in start} == {name for name in lead if name.startswith("decider.")}
    assert start.keys() == decider_of(lead).keys()
    assert all(torch.equal(tensor, lead[f"decider.{name}"]) for name, tensor in start.items())


@pytest.mark.parametrize("part", ["network", "decider"])
def test_from_scratch_there_is_nothing_of_the_lead_but_names_and_shapes(part: str, lead: Mapping[str, Tensor]) -> None:
    with_lead, scratch = (start_of(STUDY, 0, replace(NETWORK, part=part, start=start), lead) for start in ("lead", "scratch"))
    assert {name: tensor.shape for name, tensor in scratch.items()} == {name: tensor.shape for name, tensor in with_lead.items()}
    weights = [name for name, tensor in scratch.items() if tensor.ndim > 1]
    assert weights
    assert not any(torch.equal(scratch[name], with_lead[name]) for name in weights)


def test_no_entity_can_choose_what_an_averaging_from_scratch_starts_from(lead: Mapping[str, Tensor]) -> None:
    other = {name: tensor + 1 for name, tensor in lead.items()}
    first, second, third = start_of(STUDY, 0, SCRATCH, lead), start_of(STUDY, 0, SCRATCH, other), start_of(STUDY, 1, SCRATCH, lead)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], third[name]) for name in first)


def test_all_arms_of_a_seed_start_from_the_same_weights(lead: Mapping[str, Tensor]) -> None:
    whole, decider = start_of(STUDY, 0, SCRATCH, lead), start_of(STUDY, 0, KINDS[3], lead)
    assert all(torch.equal(whole[f"decider.{name}"], tensor) for name, tensor in decider.items())


def test_anchors_are_those_that_the_lead_trained_with(lead: Mapping[str, Tensor]) -> None:
    study = replace(STUDY, loss=AnchorLoss(norm=4.0))
    anchored = PublicNets.assemble(study.backbone, study.hook, study.side, 7, stream(0, "lead"), study_head(study, 0)).tensors()
    start = start_of(study, 0, SCRATCH, anchored)
    assert torch.equal(start["decider.head.anchors"], anchored["decider.head.anchors"])


@pytest.mark.parametrize("nets", [{}, {"decider.head.bias": torch.zeros(7)}, {"featurizer.head.weight": torch.zeros(7, 3)}])
def test_without_a_last_layer_the_number_of_classes_is_unknown(nets: Mapping[str, Tensor]) -> None:
    with pytest.raises(ArmError, match=r"nothing to start from: .* tensor \(K,A\) below 'decider.head.'"):
        start_of(STUDY, 0, SCRATCH, nets)
