import itertools

import pytest
import torch

from dpm_flower.attacks.guess_matching import in_order
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.similarity import sign_aware_ssim
from tests.training.toys import pictures

TRUTH = pictures(5, seed=3).images


def test_the_images_themselves_and_their_negatives_find_their_places():
    order = torch.tensor([3, 0, 4, 1, 2])
    assert torch.equal(in_order(TRUTH, Guess(TRUTH[order])).images, TRUTH)
    assert torch.equal(in_order(TRUTH, Guess(1 - TRUTH[order])).images, 1 - TRUTH)


def test_no_other_order_is_better():
    guesses = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    best = max(float(sign_aware_ssim(TRUTH, guesses[list(order)]).sum()) for order in itertools.permutations(range(5)))
    found = in_order(TRUTH, Guess(guesses)).images
    assert float(sign_aware_ssim(TRUTH, found).sum()) == pytest.approx(best, abs=1e-5)
    assert sorted(found.sum((1, 2, 3)).tolist()) == sorted(guesses.sum((1, 2, 3)).tolist())


def test_another_number_of_guesses_is_refused():
    with pytest.raises(ShapeError, match=r"\(5, 3, 12, 12\), got \(4, 3, 12, 12\)"):
        in_order(TRUTH, Guess(TRUTH[:4]))
