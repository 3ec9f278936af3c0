from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.protocols import SharingMethod, reads_labels_only
from dpm_flower.core.streams import stream
from dpm_flower.core.unpaired import is_unpaired
from dpm_flower.methods.drawn_features import DrawnFeatures, drawn_weights, nearest
from dpm_flower.training.perturbation import GaussianNoise, channel_units
from tests.methods.preparations import NETS, PRIVATE, features, preparation

SMALL = DrawnFeatures(neighbours=4, least=2)


def shared(method=SMALL, owner="entity-a"):
    return method.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels)


def test_as_many_leave_as_there_are_images_with_their_labels():
    batch = shared()
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, PRIVATE.labels)
    assert isinstance(SMALL, SharingMethod)
    assert is_unpaired(SMALL)
    assert reads_labels_only(SMALL)


def test_what_is_drawn_of_a_class_has_a_stream_of_its_own():
    """Who knows all images of one class finds its parts, and by them where that stream goes on."""
    number = int(PRIVATE.labels.max())
    labels = PRIVATE.labels.repeat(2)
    more = torch.cat([PRIVATE.labels, torch.full((5,), 0), PRIVATE.labels])
    drawn, other = (SMALL.prepare(preparation()).share(PRIVATE.images, wanted) for wanted in (labels, more))
    assert torch.equal(drawn.features[drawn.labels == number], other.features[other.labels == number])


def test_nothing_of_the_images_to_share_is_looked_at_but_their_labels():
    first, second = (SMALL.prepare(preparation()).share(images, PRIVATE.labels) for images in (PRIVATE.images, 1 - PRIVATE.images))
    assert torch.equal(first.features, second.features)


def test_another_secret_draws_others_and_so_does_another_time():
    sharer = SMALL.prepare(preparation())
    first, second = (sharer.share(PRIVATE.images, PRIVATE.labels).features for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first, shared(owner="entity-b").features)
    assert torch.equal(first, shared().features)


def test_every_draw_lies_in_what_images_of_its_class_span():
    sharer = SMALL.prepare(preparation())
    batch = replace(sharer, spec=replace(NETS.spec, non_negative=False)).share(PRIVATE.images, PRIVATE.labels)
    raw = features(PRIVATE.images)
    for number in PRIVATE.labels.unique():
        own = raw[PRIVATE.labels == number].flatten(1).double()
        drawn = batch.features[PRIVATE.labels == number].flatten(1).double()
        spanned = (own - own.mean(0)).T
        missing = drawn - own.mean(0) - (spanned @ torch.linalg.lstsq(spanned, (drawn - own.mean(0)).T).solution).T
        assert float(missing.abs().max()) < 1e-3 * float(own.std())


def test_draws_around_one_image_have_its_neighbours_mean_and_covariance():
    rng = stream(0, "points")
    points = torch.randn(5, 3, generator=rng).double()
    neighbours = torch.tensor([[0, 2, 3, 4]]).expand(5, -1)  # whichever image is chosen, these are its neighbours
    draws = drawn_weights(neighbours, 200_000, stream(0, "draws")).double() @ points
    torch.testing.assert_close(draws.mean(0), points[[0, 2, 3, 4]].mean(0), atol=0.02, rtol=0.0)
    torch.testing.assert_close(torch.cov(draws.T), torch.cov(points[[0, 2, 3, 4]].T), atol=0.03, rtol=0.03)


def test_parts_sum_to_one_and_are_of_neighbours_only():
    neighbours = nearest(torch.tensor([[0.0], [1.0], [5.0], [6.0]]), 2)
    assert [set(row) for row in neighbours.tolist()] == [{0, 1}, {0, 1}, {2, 3}, {2, 3}]
    weights = drawn_weights(neighbours, 50, stream(0, "draws"))
    torch.testing.assert_close(weights.sum(1), torch.ones(50))
    assert bool(((weights[:, :2] != 0).all(1) ^ (weights[:, 2:] != 0).all(1)).all())


def only(number, count):
    """The own images without those of one class, but `count` of them."""
    return PRIVATE.take(torch.cat([(PRIVATE.labels != number).nonzero().flatten(), (PRIVATE.labels == number).nonzero().flatten()[:count]]))


@pytest.mark.parametrize("count", [0, 1])
def test_a_class_with_too_few_images_is_left_out(count):
    few = only(1, count)
    batch = SMALL.prepare(replace(preparation(), private=few)).share(few.images, few.labels)
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, few.labels[few.labels != 1])


def test_where_no_class_has_enough_nothing_is_released():
    with pytest.raises(ReleaseError, match=r"wanted at least 20 images of a class to draw from, got no more than \d+ of any"):
        DrawnFeatures(neighbours=20, least=20).prepare(preparation())


def test_noise_lies_on_every_draw_in_units_of_each_channel():
    without, noisy = (
        replace(DrawnFeatures(neighbours=4, least=2, noise=noise).prepare(preparation()), spec=replace(NETS.spec, non_negative=False))
        for noise in (None, GaussianNoise(sigma=2.0))
    )
    labels = PRIVATE.labels.repeat(20)
    added = (noisy.share(PRIVATE.images, labels).features - without.share(PRIVATE.images, labels).features).std(dim=(0, 2, 3))
    torch.testing.assert_close(added, 2.0 * channel_units(features(PRIVATE.images)), rtol=0.05, atol=0.0)


@pytest.mark.parametrize("knobs", [{"least": 1}, {"neighbours": 8, "least": 9}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match=r"wanted 2 <= least <= neighbours"):
        DrawnFeatures(**knobs)
