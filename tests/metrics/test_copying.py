import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.metrics.copying import copying, membership, nearest, standardised

RNG = torch.Generator().manual_seed(0)
OTHERS = torch.rand(700, 3, 4, 4, generator=RNG)
IMAGES = torch.rand(530, 3, 4, 4, generator=RNG)  # more than one piece


def test_the_nearest_is_that_of_a_plain_comparison():
    found = nearest(IMAGES, OTHERS)
    plain = torch.cdist(IMAGES.flatten(1).double(), OTHERS.flatten(1).double()) / 48**0.5
    torch.testing.assert_close(found.distances, plain.amin(1))
    assert torch.equal(found.which, plain.argmin(1))


def test_a_copy_lies_at_no_distance_whatever_its_type():
    for images in (OTHERS[:5], as_bytes(OTHERS[:5])):
        found = nearest(images, OTHERS if images.is_floating_point() else as_bytes(OTHERS))
        assert found.distances.tolist() == [0] * 5
        assert found.which.tolist() == list(range(5))
    assert float(nearest(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).distances) == 1.0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ShapeError, match="of one shape"):
        nearest(IMAGES, OTHERS[:, :1])
    with pytest.raises(MetricError, match="at least one image"):
        nearest(IMAGES, OTHERS[:0])


def test_copies_are_memorised_and_as_varied_images_are_not():
    real, held_out, fresh = torch.rand(900, 3, 4, 4, generator=RNG).split((300, 300, 300))
    baseline = nearest(held_out, real).distances
    honest = copying(nearest(fresh, real).distances, baseline)
    assert honest.figures["memorised"] == pytest.approx(0.05, abs=0.04)
    assert honest.figures["nearness"] == pytest.approx(1.0, abs=0.05)
    half = torch.cat((fresh[:150], (real[:150] + 0.01 * torch.randn(150, 3, 4, 4, generator=RNG)).clamp(0, 1)))
    caught = copying(nearest(half, real).distances, baseline)
    assert caught.memorised[150:].all()
    assert caught.figures["memorised"] == pytest.approx(0.525, abs=0.03)
    assert caught.figures["nearest"] < 0.02


def test_a_copy_counts_also_where_held_out_images_are_copies_themselves():
    """Twins on both sides make the threshold 0, below which nothing lies."""
    found = copying(torch.tensor([0.0, 0.2]), torch.tensor([0.0, 0.0, 0.3, 0.4]))
    assert found.threshold == 0
    assert found.memorised.tolist() == [True, False]


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(MetricError, match="between 0 and 1"):
        copying(torch.ones(3), torch.ones(3), alpha)


@pytest.mark.parametrize(("distances", "baseline"), [(torch.ones(0), torch.ones(3)), (torch.ones(3), torch.tensor([torch.nan]))])
def test_distances_that_say_nothing_are_refused(distances, baseline):
    with pytest.raises(MetricError, match="wanted finite distances"):
        copying(distances, baseline)


def test_members_are_told_by_copies_and_by_nothing_else():
    real, held_out, fresh = torch.rand(600, 3, 4, 4, generator=RNG).split((200, 200, 200))
    of_copies, of_others = (membership(*(nearest(part, made).distances for part in (real, held_out))) for made in (real, fresh))
    assert of_copies == {"membership_auc": 1.0, "membership_tpr": 1.0}
    assert of_others["membership_auc"] == pytest.approx(0.5, abs=0.08)
    assert of_others["membership_tpr"] < 0.06


def test_one_percent_of_a_few_images_is_not_told():
    assert set(membership(torch.ones(5), torch.zeros(99))) == {"membership_auc"}
    assert membership(torch.ones(5), torch.zeros(99))["membership_auc"] == 0.0  # members lie farther away


def test_standardised_images_are_the_same_whatever_their_brightness_and_contrast():
    faint = standardised(0.4 + 0.1 * IMAGES)
    torch.testing.assert_close(faint, standardised(IMAGES), atol=1e-4, rtol=0)
    torch.testing.assert_close(faint.flatten(1).square().mean(1), torch.ones(len(faint)))
    assert float(nearest(-faint[:1], faint[:1]).distances) == pytest.approx(2.0, abs=1e-4)  # a negative is no copy
    assert standardised(torch.full((1, 3, 4, 4), 0.5)).abs().max() == 0
    torch.testing.assert_close(standardised(as_bytes(IMAGES)), standardised(IMAGES), atol=0.02, rtol=0)


def test_a_copy_in_another_tint_is_one_where_channels_count_each():
    tint = torch.tensor([0.9, 0.5, 0.2]).view(1, 3, 1, 1)
    tinted = 0.05 + tint * IMAGES
    torch.testing.assert_close(standardised(tinted, by_channel=True), standardised(IMAGES, by_channel=True), atol=1e-3, rtol=0)
    assert float(nearest(standardised(tinted), standardised(IMAGES)).distances.median()) > 0.3
