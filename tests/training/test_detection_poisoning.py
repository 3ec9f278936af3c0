"""A module for a detector learns by the one training of modules, from what its recipe says."""

import torch

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.training.adversaries import Adversaries
from dpm_flower.training.detection import BoxedExamples
from dpm_flower.training.detection_equivalence import detection_equivalence
from dpm_flower.training.detection_poisoning import train_boxed_module
from dpm_flower.training.poisoning import train_module
from tests.training.cells import seen
from tests.training.toys import CPU, equal, state_of

NETS, DATA, RAW = seen()
RECIPE = DeepPoisoning(
    weight=2.0,
    blocks=1,
    kind="basic",
    fitting=Fitting(steps=2, batch_size=4, learning_rate=1e-2, weight_decay=0.0),
    adversaries=Adversaries(count=1),
)


def test_all_that_the_recipe_says_reaches_the_training():
    made, slow = (RECIPE.fresh_module(NETS.spec, stream(0, "module")) for _ in range(2))
    before = state_of(made)
    train_boxed_module(made, RECIPE, NETS, DATA, RAW, compute=CPU, rng=stream(0, "a"))
    unequal = detection_equivalence("activations", NETS.decider, BoxedExamples.of(DATA, RAW), CPU)
    train_module(
        slow,
        NETS.reconstructor,
        DATA.images,
        RAW,
        unequal,
        2.0,
        RECIPE.fitting,
        compute=CPU,
        rng=stream(0, "a"),
        adversaries=Adversaries(count=1),
    )
    assert equal(state_of(made), state_of(slow))
    assert not equal(state_of(made), before)
    assert not any(torch.is_tensor(p.grad) for p in NETS.decider.parameters())
