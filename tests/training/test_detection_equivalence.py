"""What poisoned features keep for a detector: nothing is lost where they are the raw ones, and a module learns to keep it."""

import copy

import pytest
import torch
from torch import nn

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.training import detection_equivalence as module_under_test
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.detection import BoxedExamples
from dpm_flower.training.detection_equivalence import detection_equivalence
from dpm_flower.training.losses import EQUIVALENCES
from dpm_flower.training.poisoning import train_module
from tests.training.cells import seen
from tests.training.toys import CPU, equal, state_of

NETS, DATA, RAW = seen()
EXAMPLES = BoxedExamples.of(DATA, RAW)
SOME = torch.tensor([6, 1, 3])
KEEPING = [kind for kind in EQUIVALENCES if kind != "labels"]


def unequal(kind, decider=NETS.decider):
    return detection_equivalence(kind, decider, EXAMPLES, CPU)


def noisy():
    return RAW + 0.5 * torch.rand(RAW.shape, generator=stream(0, "noise"))


@pytest.mark.parametrize("kind", KEEPING)
def test_nothing_is_lost_where_raw_features_are_given_as_poisoned(kind, monkeypatch):
    monkeypatch.setattr(module_under_test, "ASKED", 3)  # what is wanted is made in batches
    loss = unequal(kind)
    assert float(loss(RAW[SOME], SOME)) == pytest.approx(0, abs=1e-6)
    assert float(loss(noisy()[SOME], SOME)) > 1e-3
    assert float(loss(RAW[SOME], SOME.flip(0))) > 1e-3  # of other images


def test_labels_are_the_detector_s_own_losses_with_fixed_batch_statistics():
    twin = copy.deepcopy(NETS.decider).train()
    for part in twin.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
    with global_generator_from(stream(1)):
        own = twin(RAW[SOME], EXAMPLES.targets(SOME, CPU.device))
    with global_generator_from(stream(1)):
        loss = unequal("labels")(RAW[SOME], SOME)
    assert set(own) == {"loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"}
    assert float(loss) == pytest.approx(float(sum(own.values())), rel=1e-5)


@pytest.mark.parametrize("kind", EQUIVALENCES)
def test_the_frozen_decider_stays_as_it_is_and_the_features_are_moved(kind):
    decider = copy.deepcopy(NETS.decider)
    before, poisoned = state_of(decider), noisy()[SOME].requires_grad_(True)
    with global_generator_from(stream(1)):
        unequal(kind, decider)(poisoned, SOME).backward()
    assert equal(state_of(decider), before)
    assert not any(part.training for part in decider.modules())
    assert all(parameter.grad is None for parameter in decider.parameters())
    assert float(poisoned.grad.abs().sum()) > 0


@pytest.mark.parametrize("kind", EQUIVALENCES)
def test_a_module_learns_to_keep_it_on_images_that_are_not_square(kind):
    with global_generator_from(stream(0, "module")):
        module = DeepPoisoningModule(RAW.shape[1], blocks=1)
    losses = []
    train_module(
        module,
        NETS.reconstructor,
        DATA.images,
        RAW,
        unequal(kind),
        0.1,
        Fitting(steps=10, batch_size=8, learning_rate=1e-2, weight_decay=0.0),
        compute=CPU,
        rng=stream(0, "a"),
        adversaries=Adversaries(count=1) if kind == "activations" else None,
        report=lambda progress: losses.append(progress.loss),
    )
    assert losses[-1] < losses[0]


def test_what_no_detector_can_keep_is_refused():
    with pytest.raises(SettingError, match="equivalence must be one of labels, response, activations, got 'logits'"):
        unequal("logits")
    one_stage = copy.deepcopy(NETS.decider)
    one_stage.detector.rpn = nn.Identity()
    with pytest.raises(SettingError, match=r"which proposes boxes \(Faster R-CNN\), got FasterRCNN"):
        unequal("response", one_stage)
