import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.segmentation import best_threshold, f1, pixel_auc

RNG = torch.Generator().manual_seed(0)
MASKS = (torch.rand(3, 1, 8, 8, generator=RNG) < 0.3).to(torch.uint8)
SAID = (0.4 * MASKS + 0.6 * torch.rand(MASKS.shape, generator=RNG)).clamp(0, 1)


def test_f1_counts_pixels():
    said, masks = torch.tensor([0.9, 0.8, 0.2, 0.1]), torch.tensor([1, 0, 1, 0])
    assert f1(said, masks, 0.5) == pytest.approx(2 * 1 / (2 * 1 + 1 + 1))
    assert f1(said, masks, 0.8) == f1(said, masks, 0.5)  # at the threshold is above
    assert f1(masks.float(), masks, 1.0) == 1.0


def test_the_best_threshold_is_the_best_of_all_that_occur():
    every = {float(value): f1(SAID, MASKS, float(value)) for value in SAID.double().unique()}
    best = best_threshold(SAID, MASKS)
    assert f1(SAID, MASKS, best) == max(every.values())
    tied = torch.tensor([0.5, 0.5, 0.5, 0.2])  # nobody can find one of three with the same probability
    assert best_threshold(tied, torch.tensor([1, 0, 0, 1])) == pytest.approx(0.2)


def test_auc_is_the_share_of_pairs_in_their_order():
    members, others = SAID[MASKS == 1], SAID[MASKS == 0]
    assert pixel_auc(SAID, MASKS) == pytest.approx(float((members[:, None] > others).double().mean()))


def test_what_lies_outside_the_field_of_view_does_not_count():
    inside = torch.ones_like(MASKS, dtype=torch.bool)
    inside[..., 4:] = False
    half, half_masks = SAID[..., :4], MASKS[..., :4]
    assert f1(SAID, MASKS, 0.5, inside) == f1(half, half_masks, 0.5) != f1(SAID, MASKS, 0.5)
    assert pixel_auc(SAID, MASKS, inside) == pixel_auc(half, half_masks) != pixel_auc(SAID, MASKS)
    assert best_threshold(SAID, MASKS, inside) == best_threshold(half, half_masks)


def test_what_cannot_be_scored_is_refused():
    for score in (lambda *given: f1(*given[:2], 0.5, *given[2:]), best_threshold, pixel_auc):
        with pytest.raises(ShapeError, match="of one shape"):
            score(SAID, MASKS[:1])
        with pytest.raises(MetricError, match=r"probabilities in \[0, 1\]"):
            score(SAID * 2, MASKS)
        with pytest.raises(MetricError, match="at least one pixel"):
            score(SAID, MASKS, torch.zeros_like(MASKS))
        with pytest.raises(MetricError, match="wanted"):
            score(torch.zeros_like(SAID), torch.zeros_like(MASKS))
