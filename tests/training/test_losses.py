import math

import pytest
import torch
from pytorch_msssim import ssim as library_ssim
from sklearn.datasets import load_digits
from torch.nn import functional

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.metrics.similarity import sign_aware_ssim, ssim, windowed_ssim
from dpm_flower.training.losses import (
    EQUIVALENCES,
    disparity_loss,
    equivalence_loss,
    multi_label_loss,
    proximal_term,
    reconstruction_loss,
    uninformed_loss,
)
from tests.metrics.plain_ssim import ssim_map

RNG = torch.Generator().manual_seed(0)
LOGITS, OTHERS = torch.randn(5, 4, generator=RNG), torch.randn(5, 4, generator=RNG)
ACTIVATIONS, TARGETS = torch.randn(5, 7, generator=RNG), torch.randn(5, 7, generator=RNG)
LABELS = torch.tensor([3, 0, 1, 1, 2])
IMAGES, GUESSES = torch.rand(4, 3, 12, 12, generator=RNG), torch.rand(4, 3, 12, 12, generator=RNG)


def softmax(row):
    exponentials = [math.exp(value) for value in row.tolist()]
    return [value / sum(exponentials) for value in exponentials]


def test_reconstruction_is_the_mean_absolute_error():
    slow = sum(abs(a - b) for a, b in zip(IMAGES.flatten().tolist(), GUESSES.flatten().tolist(), strict=True)) / IMAGES.numel()
    assert float(reconstruction_loss(IMAGES, GUESSES)) == pytest.approx(slow, rel=1e-5)
    assert float(reconstruction_loss(IMAGES, IMAGES)) == 0


def test_labels_equivalence_is_the_cross_entropy():
    slow = -sum(math.log(softmax(row)[label]) for row, label in zip(LOGITS, LABELS.tolist(), strict=True)) / 5
    assert float(equivalence_loss("labels", ACTIVATIONS, LOGITS, LABELS)) == pytest.approx(slow, rel=1e-5)


def test_labels_equivalence_of_several_attributes_is_the_binary_cross_entropy_of_what_is_known():
    attributes = torch.tensor([[1, 0, UNKNOWN, 1]] * 4 + [[0, UNKNOWN, UNKNOWN, 1]], dtype=torch.uint8)
    known = [
        (x, a) for row, has in zip(LOGITS.tolist(), attributes.tolist(), strict=True) for x, a in zip(row, has, strict=True) if a != UNKNOWN
    ]
    slow = sum(math.log(1 + math.exp(-x if a else x)) for x, a in known) / len(known)
    assert float(equivalence_loss("labels", ACTIVATIONS, LOGITS, attributes)) == pytest.approx(slow, rel=1e-5)
    assert float(multi_label_loss(LOGITS, attributes)) == pytest.approx(slow, rel=1e-5)
    assert float(multi_label_loss(LOGITS, torch.full_like(attributes, UNKNOWN))) == 0


def test_who_answers_the_rates_knows_nothing_and_who_is_surely_wrong_knows_as_much_as_who_is_right():
    rates = torch.tensor([0.5, 0.2, 0.0, 1.0])
    assert float(uninformed_loss(torch.logit(rates, eps=1e-6).expand(5, 4), rates)) == pytest.approx(0, abs=1e-5)
    even = torch.full((4,), 0.5)
    sure = float(uninformed_loss(torch.full((5, 4), 9.0), even))
    assert sure == pytest.approx(float(uninformed_loss(torch.full((5, 4), -9.0), even)), rel=1e-5)
    assert sure > float(uninformed_loss(torch.full((5, 4), 1.0), even)) > 0.05


def test_response_equivalence_is_the_divergence_from_the_raw_answer():
    slow = 0.0
    for row, wanted in zip(LOGITS, OTHERS, strict=True):
        slow += sum(q * (math.log(q) - math.log(p)) for p, q in zip(softmax(row), softmax(wanted), strict=True)) / 5
    assert float(equivalence_loss("response", ACTIVATIONS, LOGITS, OTHERS)) == pytest.approx(slow, rel=1e-5)


def test_equal_logits_cost_nothing_wherever_they_lie():
    assert float(equivalence_loss("response", ACTIVATIONS, LOGITS, LOGITS)) == pytest.approx(0, abs=1e-6)
    assert float(equivalence_loss("response", ACTIVATIONS, LOGITS + 3.0, LOGITS)) == pytest.approx(0, abs=1e-6)
    assert float(equivalence_loss("response", ACTIVATIONS, LOGITS * 1.5, LOGITS)) > 0.01


def test_activations_equivalence_is_the_squared_distance_in_units_of_the_scale():
    slow = sum((a - b) ** 2 for a, b in zip(ACTIVATIONS.flatten().tolist(), TARGETS.flatten().tolist(), strict=True)) / 35
    assert float(equivalence_loss("activations", ACTIVATIONS, LOGITS, TARGETS)) == pytest.approx(slow, rel=1e-5)
    assert float(equivalence_loss("activations", ACTIVATIONS, LOGITS, TARGETS, scale=2.0)) == pytest.approx(slow / 4, rel=1e-5)
    scaled = equivalence_loss("activations", 9 * ACTIVATIONS, LOGITS, 9 * TARGETS, scale=9.0)
    assert float(scaled) == pytest.approx(slow, rel=1e-5)


def test_an_unknown_equivalence_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match=f"{', '.join(EQUIVALENCES)}, got 'logits'"):
        equivalence_loss("logits", ACTIVATIONS, LOGITS, LABELS)


def test_the_proximal_term_is_half_the_squared_distance():
    parameters, anchors = [LOGITS, ACTIVATIONS], [OTHERS, TARGETS]
    slow = sum((a - b) ** 2 for p, q in zip(parameters, anchors, strict=True) for a, b in zip(p.flatten(), q.flatten(), strict=True)) / 2
    assert float(proximal_term(parameters, anchors)) == pytest.approx(float(slow), rel=1e-5)
    assert float(proximal_term(parameters, parameters)) == 0
    with pytest.raises(ValueError, match="zip"):
        proximal_term(parameters, anchors[:1])


def test_disparity_is_in_each_window_the_greater_absolute_ssim_of_picture_and_negative():
    images, guesses = (functional.pad(values, (5, 5, 5, 5), mode="reflect") for values in (0.3 * IMAGES, GUESSES))
    pairs = zip(ssim_map(images, guesses).flatten().tolist(), ssim_map(images, 1 - guesses).flatten().tolist(), strict=True)
    values = [max(map(abs, pair)) for pair in pairs]
    assert len(values) == IMAGES.numel()  # a window around each pixel
    assert float(disparity_loss(0.3 * IMAGES, GUESSES)) == pytest.approx(sum(values) / len(values), rel=1e-5)


@pytest.mark.parametrize("brightest", [1.0, 0.3])
def test_a_picture_and_its_negative_cost_everything_however_dark_it_is(brightest):
    """The factor for brightness alone would call the negative of a dark picture hidden."""
    truth = brightest * digits()
    for guesses in (truth, 1 - truth):
        assert float(disparity_loss(truth, guesses)) > 0.99
    assert float(ssim_map(truth, 1 - truth).abs().mean()) < (0.8 if brightest == 1 else 0.5)


def test_pixels_at_the_border_weigh_as_much_as_those_inside():
    guesses = GUESSES.clone().requires_grad_(True)
    disparity_loss(IMAGES, guesses).backward()
    pull = guesses.grad.abs().mean((0, 1))
    assert 0.5 < float(pull[0].mean() / pull[6].mean()) < 2


def test_parts_that_are_turned_cannot_pay_for_those_that_are_not():
    """Two pictures and two negatives; then each picture's red as it is and the other channels turned."""
    for guesses in (torch.cat([IMAGES[:2], 1 - IMAGES[2:]]), torch.cat([IMAGES[:, :1], 1 - IMAGES[:, 1:]], 1)):
        assert float(ssim(IMAGES, guesses).mean().abs()) < 0.4
        assert float(disparity_loss(IMAGES, guesses)) > 0.8


def digits():
    """Eight real digits."""
    scans = torch.from_numpy(load_digits().images[:8]).float().unsqueeze(1) / 16
    return functional.interpolate(scans, size=(16, 16), mode="bilinear").expand(-1, 3, -1, -1)


def attacked(loss, truth, weight=0.2):
    """Pictures, and others that start as a weak copy of them (a negative one for a weight below 0) and are drawn so as to lower a loss."""
    start = 0.5 + weight * (truth - 0.5) + 0.02 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    drawn = torch.logit(start).requires_grad_(True)
    optimiser = torch.optim.Adam([drawn], lr=0.05)
    for _ in range(120):
        optimiser.zero_grad()
        loss(truth, drawn.sigmoid()).backward()
        optimiser.step()
    return truth, drawn.sigmoid().detach()


def test_the_signed_ssim_of_equation_5_ends_in_the_photographic_negative():
    truth, guesses = attacked(lambda images, guesses: library_ssim(guesses, images, data_range=1.0), digits())
    assert float(ssim(truth, guesses).mean()) < -0.5
    assert float(sign_aware_ssim(truth, guesses).mean()) > 0.5  # the negative discloses the picture


@pytest.mark.parametrize("weight", [0.2, -0.2])
@pytest.mark.parametrize("brightest", [1.0, 0.3])
def test_our_disparity_ends_in_neither_the_picture_nor_its_negative(brightest, weight):
    truth, guesses = attacked(disparity_loss, brightest * digits(), weight)
    assert float(sign_aware_ssim(truth, guesses).max()) < 0.1
    assert float(windowed_ssim(truth, guesses).max()) < 0.2
    assert float(functional.l1_loss(truth, guesses)) > 0.1
