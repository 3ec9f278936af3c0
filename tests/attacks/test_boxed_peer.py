"""A peer's networks from features of images with boxes back to images: each trained once, by what it owns and knows."""

import torch
from torch import nn

from dpm_flower.attacks.boxed_peer import BoxedPeer, fitted_module
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from tests.training.cells import SIZE, cells, seen
from tests.training.toys import CPU, equal, state_of

NETS, DATA, RAW = seen()
FEW = Fitting(steps=2, batch_size=2, learning_rate=1e-2, weight_decay=0.0)
RECIPE = DeepPoisoning(blocks=1, kind="basic", fitting=FEW)


def peer(report=silent, seed=0):
    return BoxedPeer(NETS, cells(4, seed=3), Inverse(blocks=1, fitting=FEW), CPU, report, lambda *purpose: stream(seed, *purpose))


def test_inverses_are_trained_once_and_turn_features_into_images(tmp_path):
    raw = peer().undoing(nn.Identity(), tmp_path / "raw")
    assert raw(RAW).shape == (len(DATA), 3, *SIZE)
    shadow = peer().shadow_inverse(RECIPE, tmp_path / "shadow", tmp_path / "A2")
    assert not equal(state_of(raw), state_of(shadow))
    told = []
    again = peer(told.append).shadow_inverse(RECIPE, tmp_path / "shadow", tmp_path / "A2")
    assert (equal(state_of(again), state_of(shadow)), told) == (True, [])
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_the_same_stream_gives_the_same_inverse_and_another_one_another(tmp_path):
    first, again, other = (
        state_of(peer(seed=seed).shadow_inverse(RECIPE, tmp_path / folder / "shadow", tmp_path / folder / "A2"))
        for folder, seed in (("1", 0), ("2", 0), ("3", 1))
    )
    assert equal(again, first)
    assert not equal(other, first)


def test_without_a_recipe_features_pass_as_they_are(tmp_path):
    module = fitted_module(NETS, None, DATA, tmp_path, compute=CPU, rng=stream(0, "module"), report=silent)
    assert torch.equal(module(RAW), RAW)
    assert list(tmp_path.iterdir()) == []
