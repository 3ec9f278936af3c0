import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from dpm_flower.core.classification import CROSS_ENTROPY, AnchorLoss
from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import stream
from dpm_flower.nets.anchor_head import AnchorHead, head_for
from dpm_flower.nets.anchor_placing import place_anchors

CLASSES, DIMENSIONS = 5, 12
ACTIVATIONS = torch.randn(9, DIMENSIONS, generator=stream(0, "activations"))
LABELS = torch.arange(9) % CLASSES
LOSSES = [AnchorLoss(norm=1.5, placing=placing) for placing in ("orthonormal", "simplex")]
LOSSES += [AnchorLoss(distance="cosine", scale=8.0, placing=placing) for placing in ("orthonormal", "simplex")]


def head(loss):
    made = head_for(loss, stream(0, "anchors"))(nn.Linear(DIMENSIONS, CLASSES))
    assert isinstance(made, AnchorHead)
    return made


def slow(loss, activation, anchor):
    if loss.distance == "euclidean":
        return -(math.dist(activation, anchor) ** 2)
    product = sum(f * a for f, a in zip(activation, anchor, strict=True))
    return -loss.scale * (1 - product / (math.hypot(*activation) * math.hypot(*anchor)))


@pytest.mark.parametrize("loss", LOSSES)
def test_logits_are_negative_distances(loss):
    anchored = head(loss)
    wanted = [[slow(loss, f.tolist(), a.tolist()) for a in anchored.anchors] for f in ACTIVATIONS]
    assert anchored(ACTIVATIONS) == pytest.approx(torch.tensor(wanted), abs=1e-4)
    assert (anchored(ACTIVATIONS) <= 1e-5).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_activation_on_an_anchor_is_of_its_class(loss):
    anchored = head(loss)
    logits = anchored(anchored.anchors)
    assert logits.diagonal() == pytest.approx(torch.zeros(CLASSES), abs=1e-5)
    rest = logits[~torch.eye(CLASSES, dtype=torch.bool)]
    assert rest == pytest.approx(rest.mean().expand_as(rest), abs=1e-4)
    assert rest.max() < -1


@pytest.mark.parametrize("loss", LOSSES)
def test_anchors_have_the_norm_that_was_asked_for_and_their_placing(loss):
    placed = place_anchors(CLASSES, DIMENSIONS, loss.placing, stream(0, "anchors"))
    assert torch.equal(head(loss).anchors, placed * (loss.norm or 1.0))


@pytest.mark.parametrize("loss", LOSSES[:2])
def test_with_equal_norms_the_softmax_over_euclidean_distances_is_that_of_a_fixed_linear_layer(loss):
    anchored = head(loss)
    activations = ACTIVATIONS.clone().requires_grad_(True)
    apart = (anchored(activations) - 2 * activations @ anchored.anchors.T).detach()
    assert apart == pytest.approx(apart[:, :1].expand_as(apart), abs=1e-4)  # one number for each image, the same for all classes
    by_distance = functional.cross_entropy(anchored(activations), LABELS)
    by_layer = functional.cross_entropy(2 * activations @ anchored.anchors.T, LABELS)
    assert float(by_distance.detach()) == pytest.approx(float(by_layer.detach()), rel=1e-5)
    (one,), (other,) = torch.autograd.grad(by_distance, activations), torch.autograd.grad(by_layer, activations)
    assert one == pytest.approx(other, abs=1e-5)


def test_with_unequal_norms_it_is_not():
    """Else the test above could not fail."""
    anchors = head(LOSSES[0]).anchors * torch.linspace(1, 2, CLASSES).unsqueeze(1)
    apart = AnchorHead(anchors, "euclidean")(ACTIVATIONS) - 2 * ACTIVATIONS @ anchors.T
    assert (apart - apart[:, :1]).abs().max() > 1


def test_the_cosine_does_not_see_lengths():
    anchored = head(LOSSES[2])
    assert anchored(ACTIVATIONS * 7) == pytest.approx(anchored(ACTIVATIONS), abs=1e-5)
    assert (head(LOSSES[0])(ACTIVATIONS * 7) - head(LOSSES[0])(ACTIVATIONS)).abs().max() > 1


@pytest.mark.parametrize("loss", LOSSES)
def test_an_activation_of_nothing_has_a_gradient_that_can_be_used(loss):
    nothing = torch.zeros(2, DIMENSIONS, requires_grad=True)
    functional.cross_entropy(head(loss)(nothing), torch.tensor([0, 1])).backward()
    assert nothing.grad is not None
    assert bool(torch.isfinite(nothing.grad).all())
    assert nothing.grad.norm() < 1e5


@pytest.mark.parametrize("loss", LOSSES)
def test_anchors_travel_and_are_not_trained(loss):
    anchored = head(loss)
    assert list(anchored.parameters()) == []
    assert list(anchored.state_dict()) == ["anchors"]
    other = AnchorHead(torch.zeros(CLASSES, DIMENSIONS), anchored.distance, anchored.scale)
    other.load_state_dict(copy.deepcopy(anchored.state_dict()))
    assert torch.equal(other(ACTIVATIONS), anchored(ACTIVATIONS))


@pytest.mark.parametrize("loss", LOSSES)
def test_autocast_costs_no_digits(loss):
    anchored, far = head(loss), ACTIVATIONS + 30  # squares around 10,000: bfloat16 knows them to 64
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = anchored(far)
    assert got.dtype == torch.float32
    assert torch.equal(got, anchored(far))


def test_cross_entropy_keeps_the_learnt_layer():
    linear = nn.Linear(DIMENSIONS, CLASSES)
    assert head_for(CROSS_ENTROPY, stream(0, "anchors"))(linear) is linear


def test_what_anchors_cannot_replace_is_refused():
    anchored = head_for(LOSSES[0], stream(0, "anchors"))
    with pytest.raises(SettingError, match=r"take the place of an nn\.Linear, got Identity"):
        anchored(nn.Identity())
    with pytest.raises(SettingError, match="need at least 4 dimensions, got 3"):
        anchored(nn.Linear(3, 5))
    with pytest.raises(ShapeError, match=r"wanted anchors \(K,A\), got \(4,\)"):
        AnchorHead(torch.zeros(4), "cosine")
