import copy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.methods.matched_poisoning import MatchedPoisoning
from dpm_flower.training.release_terms import ReleaseTerms, gradient_mismatch, linkability
from dpm_flower.training.standardised_channels import standardised_by_channel
from tests.methods.preparations import NETS, PRIVATE, features, preparation
from tests.training.toys import equal, state_of

RAW = features(PRIVATE.images)[:8]
LABELS = PRIVATE.labels[:8]
OTHER = RAW + 0.5 * torch.randn(RAW.shape, generator=stream(0, "other"))


def slow_mismatch(poisoned, raw, labels):
    """By the decider itself, unfrozen, and its weights' own gradients."""
    cosines = []
    sides = []
    for given in (poisoned, raw):
        decider = copy.deepcopy(NETS.decider).requires_grad_(True)
        functional.cross_entropy(decider(given), labels).backward()
        sides.append([one.grad.flatten() for one in decider.parameters() if one.ndim > 1])
    for one, other in zip(*sides, strict=True):
        cosines.append(float(one @ other / (one.norm() * other.norm())))
    return 1 - sum(cosines) / len(cosines)


def test_the_mismatch_is_that_of_the_decider_s_own_gradients_and_leaves_it_as_it_was():
    before = state_of(NETS.decider)
    assert gradient_mismatch(NETS.decider, OTHER, RAW, LABELS).item() == pytest.approx(slow_mismatch(OTHER, RAW, LABELS), abs=1e-4)
    assert gradient_mismatch(NETS.decider, RAW, RAW, LABELS).item() == pytest.approx(0.0, abs=1e-5)
    assert equal(before, state_of(NETS.decider))
    assert not any(one.requires_grad or one.grad is not None for one in NETS.decider.parameters())


def test_who_descends_it_moves_the_weights_alike():
    moved = OTHER.clone().requires_grad_(True)
    begun = gradient_mismatch(NETS.decider, OTHER, RAW, LABELS).item()
    optimiser = torch.optim.Adam([moved], lr=0.05)
    for _ in range(30):
        optimiser.zero_grad()
        gradient_mismatch(NETS.decider, moved, RAW, LABELS).backward()
        optimiser.step()
    assert gradient_mismatch(NETS.decider, moved, RAW, LABELS).item() < 0.5 * begun


def test_gradients_are_matched_for_one_class_an_image():
    with pytest.raises(SettingError, match=r"every image has one class, got labels \(8, 2\)"):
        gradient_mismatch(NETS.decider, OTHER, RAW, torch.zeros(8, 2))


def test_the_same_features_are_linkable_and_what_is_alike_to_all_is_not():
    nobody = torch.ones_like(RAW)
    assert float(linkability(nobody, RAW)) == pytest.approx(0.0, abs=1e-6)
    assert float(linkability(RAW, RAW)) > float(linkability(OTHER, RAW)) > 0.0


def test_channels_that_were_scaled_and_moved_are_as_linkable():
    moved = RAW * torch.tensor([0.1, 1.0, 3.0, 20.0]).view(1, 4, 1, 1) + 2.0
    torch.testing.assert_close(linkability(moved, RAW), linkability(RAW, RAW), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(standardised_by_channel(moved), standardised_by_channel(RAW), rtol=1e-3, atol=1e-3)


def test_terms_are_weighed_and_none_is_nothing():
    terms = [ReleaseTerms(**knobs)(NETS.decider, OTHER, RAW, LABELS).item() for knobs in ({}, {"gradients": 2.0}, {"linking": 3.0})]
    wanted = [0.0, 2 * gradient_mismatch(NETS.decider, OTHER, RAW, LABELS).item(), 3 * float(linkability(OTHER, RAW))]
    assert terms == pytest.approx(wanted)


@pytest.mark.parametrize("knobs", [{"gradients": -1.0}, {"linking": float("nan")}])
def test_weights_that_cannot_be_are_refused(knobs):
    with pytest.raises(SettingError, match="wanted weights of at least 0"):
        ReleaseTerms(**knobs)


def test_a_module_that_is_penalised_for_it_is_less_linkable():
    fitting = replace(MatchedPoisoning().fitting, steps=60, batch_size=12, max_epochs=None)
    released = [
        MatchedPoisoning(blocks=1, weight=0.0, fitting=fitting, terms=terms).prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)
        for terms in (ReleaseTerms(), ReleaseTerms(linking=3.0))
    ]
    free, penalised = (float(linkability(one.features, features(PRIVATE.images))) for one in released)
    assert penalised < 0.7 * free
