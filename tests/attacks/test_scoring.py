import math
from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.scoring import HIGHEST_PSNR, disclosure
from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.protocols import Guess
from dpm_flower.metrics.edge import edge_similarity
from dpm_flower.metrics.perceptual import perceptual_similarity
from dpm_flower.metrics.pixel_error import sign_aware_l1, sign_aware_psnr
from dpm_flower.metrics.similarity import ssim, structure, windowed_ssim
from dpm_flower.nets.depths import at_depths
from tests.training.toys import CPU, classifier, public_nets, state_of

RNG = torch.Generator().manual_seed(0)
TRUTH = torch.rand(21, 3, 12, 12, generator=RNG)
MIXED = TRUTH * torch.linspace(0, 1, 21).view(-1, 1, 1, 1) + torch.rand(TRUTH.shape, generator=RNG) * torch.linspace(1, 0, 21).view(
    -1, 1, 1, 1
)
GUESSES = torch.where(torch.arange(21).view(-1, 1, 1, 1) % 2 == 0, MIXED.clamp(0, 1), 1 - MIXED.clamp(0, 1))
FEATURIZER = public_nets().featurizer
PAIRS = list(zip(TRUTH.split(1), GUESSES.split(1), strict=True))


def test_each_score_is_that_of_one_image_at_a_time():
    found = disclosure(TRUTH, Guess(GUESSES), FEATURIZER, CPU)
    assert found.ssim.tolist() == pytest.approx([max(float(ssim(x, g)), float(ssim(x, 1 - g))) for x, g in PAIRS], abs=1e-5)
    scores = {"windowed_ssim": windowed_ssim, "structure": structure, "edge": edge_similarity, "l1": sign_aware_l1, "psnr": sign_aware_psnr}
    scores["perceptual"] = lambda x, g: perceptual_similarity(x, g, at_depths(FEATURIZER, 12))
    for name, score in scores.items():
        assert getattr(found, name)[:20].tolist() == pytest.approx([float(score(x, g)) for x, g in PAIRS[:20]], abs=1e-4)


def test_figures_are_means_and_for_ssim_the_image_that_all_but_one_in_twenty_stay_below():
    found = disclosure(TRUTH, Guess(GUESSES), FEATURIZER, CPU)
    figures = found.figures("p")
    quantiles = {"ssim", "windowed_ssim", "structure", "edge", "perceptual"}
    means = quantiles | {"l1", "psnr"}
    assert set(figures) == {f"{name}_p" for name in means} | {f"{name}_p_p95" for name in quantiles}
    for name in means:
        scores = getattr(found, name).tolist()
        assert figures[f"{name}_p"] == pytest.approx(sum(scores) / 21, abs=1e-5)
        if name in quantiles:
            assert figures[f"{name}_p_p95"] == pytest.approx(sorted(scores)[19], abs=1e-5)  # of 21 values, 19 of 20 steps up
    assert {key.replace("_z", "_p"): value for key, value in found.figures("z").items()} == figures


def test_a_picture_and_its_negative_disclose_everything():
    for guess in (TRUTH, 1 - TRUTH):
        figures = disclosure(TRUTH, Guess(guess), FEATURIZER, CPU).figures("p")
        scores = [figures[f"{name}_p"] for name in ("ssim", "windowed_ssim", "structure", "edge", "perceptual", "l1", "psnr")]
        assert scores == pytest.approx([1, 1, 1, 1, 1, 0, HIGHEST_PSNR], abs=1e-3)


def test_the_featurizer_looks_in_evaluation_mode_in_float32_and_stays_as_it_was():
    featurizer = classifier()[:3].train()
    before = state_of(featurizer)
    found = disclosure(TRUTH, Guess(GUESSES), featurizer, replace(CPU, mixed=True)).perceptual
    assert all(module.training for module in featurizer.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in featurizer.state_dict().items())
    wanted = perceptual_similarity(TRUTH, GUESSES, at_depths(featurizer.eval(), 12))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_figures_of_identical_images_are_finite():
    figures = disclosure(TRUTH, Guess(TRUTH), FEATURIZER, CPU).figures("p")
    assert all(map(math.isfinite, figures.values()))
    assert figures["psnr_p"] == HIGHEST_PSNR
    nearly = TRUTH.clone()
    nearly[:, 0, 0, 0] = (nearly[:, 0, 0, 0] - 1 / 255).abs()  # one byte of each
    assert disclosure(TRUTH, Guess(nearly), FEATURIZER, CPU).figures("p")["psnr_p"] < HIGHEST_PSNR


@pytest.mark.parametrize("guess", [GUESSES[:20], GUESSES[:, :1], torch.cat([GUESSES, GUESSES])])
def test_guesses_that_do_not_fit_the_images_are_refused(guess):
    with pytest.raises(ShapeError):
        disclosure(TRUTH, Guess(guess), FEATURIZER, CPU)


def test_no_images_have_no_score():
    with pytest.raises(MetricError):
        disclosure(TRUTH[:0], Guess(GUESSES[:0]), FEATURIZER, CPU)
