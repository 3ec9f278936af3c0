"""Detectors learn by the one loop, alike behind a frozen featurizer and on its features, and answer in batches."""

import copy

import pytest
import torch
from torch import nn

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import stream
from dpm_flower.training import detection
from dpm_flower.training.detection import BoxedExamples, detections, train_detector
from tests.training.cells import cells, seen
from tests.training.toys import CPU, equal, state_of

NETS, DATA, RAW = seen()
BRIEF = Fitting(steps=4, batch_size=4, learning_rate=2e-3)


def trained(network, examples, fitting=BRIEF, seed=0, **more):
    network = copy.deepcopy(network).requires_grad_(True)
    fitted = train_detector(network, examples, fitting, compute=CPU, rng=stream(seed, "a"), work="detector", **more)
    return network, fitted


class BehindFrozen(nn.Module):
    """The cut network in one: its featurizer is no part of it, and is not trained."""

    def __init__(self):
        super().__init__()
        self.decider, self._frozen = copy.deepcopy(NETS.decider), [NETS.featurizer]

    def forward(self, images, targets=None):
        return self.decider(self._frozen[0](images), targets)


def test_a_decider_on_raw_features_learns_what_the_network_with_a_frozen_featurizer_does():
    alone, _ = trained(NETS.decider, BoxedExamples.of(DATA, RAW))
    whole, _ = trained(BehindFrozen(), BoxedExamples.of(DATA))
    ours, theirs, before = (one.state_dict() for one in (alone, whole.decider, NETS.decider))
    assert all(torch.allclose(ours[name].double(), theirs[name].double(), rtol=0, atol=1e-5) for name in before)
    assert any(float((ours[name].double() - before[name].double()).abs().max()) > 1e-3 for name in before)


def test_batch_statistics_are_learnt_and_the_stream_decides_all():
    outside = torch.get_rng_state()
    one, other, third = (state_of(trained(NETS.decider, BoxedExamples.of(DATA, RAW), seed=seed)[0]) for seed in (0, 0, 1))
    assert equal(one, other)
    assert not equal(one, third)
    assert torch.equal(torch.get_rng_state(), outside)  # the samplers' draws
    means = [name for name in one if name.endswith("running_mean")]
    assert means
    assert not any(torch.equal(one[name], NETS.decider.state_dict()[name]) for name in means)


def test_a_whole_detector_learns_to_find_things():
    losses = []
    fitting = Fitting(steps=25, batch_size=8, learning_rate=5e-3)
    trained(NETS.whole_network(), BoxedExamples.of(DATA), fitting, report=lambda progress: losses.append(progress.loss))
    assert losses[-1] < 0.8 * losses[0]


def test_labels_count_from_one_as_the_background_is_none():
    examples = BoxedExamples.of(DATA, RAW)
    for place, target in zip([5, 2], examples.targets(torch.tensor([5, 2]), CPU.device), strict=True):
        assert torch.equal(target["labels"], DATA.labels[place] + 1)
        assert torch.equal(target["boxes"], DATA.boxes[place])


def test_images_are_turned_with_their_boxes_by_the_trainings_stream():
    given = []

    def turn(images, boxes, rng):
        given.append((images, boxes, rng))
        return images.flip(3), [torch.stack([40 - one[:, 2], one[:, 1], 40 - one[:, 0], one[:, 3]], 1) for one in boxes]

    once = Fitting(steps=1, batch_size=8, learning_rate=1e-3)
    turned, _ = trained(NETS.whole_network(), BoxedExamples.of(DATA), once, augment=turn)
    ((images, boxes, rng),) = given
    assert images.shape == DATA.images.shape
    assert isinstance(rng, torch.Generator)
    assert {one.shape for one in boxes} == {one.shape for one in DATA.boxes}
    assert not equal(state_of(turned), state_of(trained(NETS.whole_network(), BoxedExamples.of(DATA), once)[0]))


def test_examples_are_as_many_as_their_boxes_and_can_be_joined():
    own, others = BoxedExamples.of(DATA, RAW), BoxedExamples.of(cells(3, seed=1), RAW[:3] + 1)
    both = own.with_more(others)
    assert torch.equal(both.inputs, torch.cat([RAW, RAW[:3] + 1]))
    assert both.boxes == DATA.boxes + others.boxes
    assert both.labels == DATA.labels + others.labels
    with pytest.raises(ShapeError, match="boxes and labels of 7 inputs, got those of 8 and of 8"):
        BoxedExamples(RAW[:7], DATA.boxes, DATA.labels)


def test_detections_are_the_decider_s_own_in_any_batches_and_leave_its_mode(monkeypatch):
    decider = copy.deepcopy(NETS.decider).train()
    whole = detections(decider, RAW, CPU)
    assert decider.training
    with torch.no_grad():
        wanted = NETS.decider(RAW)
    monkeypatch.setattr(detection, "ASKED", 3)
    for found in (whole, detections(decider, RAW, CPU)):
        assert len(found) == len(DATA)
        for one, own in zip(found, wanted, strict=True):
            assert one.keys() == own.keys() == {"boxes", "labels", "scores"}
            assert torch.allclose(one["boxes"], own["boxes"], atol=1e-3)


def test_a_penalty_is_added_at_every_step():
    asked, decider = [], copy.deepcopy(NETS.decider).requires_grad_(True)
    examples = BoxedExamples.of(DATA, RAW)

    def penalty():
        asked.append(1)
        return 1e4 * sum(parameter.square().sum() for parameter in decider.parameters())

    train_detector(decider, examples, BRIEF, compute=CPU, rng=stream(0, "a"), work="detector", penalty=penalty)
    assert len(asked) == BRIEF.steps
    norms = [sum(p.square().sum().item() for p in one.parameters()) for one in (decider, trained(NETS.decider, examples)[0])]
    assert norms[0] < norms[1]
