import pytest
import torch

from dpm_flower.attacks.batch_statistics import Statistics, statistics_mismatch, told_statistics, watched
from dpm_flower.attacks.updated_part import gradient_step, part_of
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.nets.batch_norms import batch_norms
from tests.attacks.updating import NETS, NORMED, clouds, trained
from tests.training.toys import CPU

VICTIMS, OTHERS = clouds(4, seed=3), clouds(4, seed=8)
NORM = "featurizer.bn1"


def fed(nets, images, part):
    """What the first batch norm is really fed with."""
    return nets.featurizer.conv1(part.front(images)).transpose(0, 1).flatten(1)


def test_an_update_of_one_step_tells_exactly_what_every_norm_was_fed_with():
    part = part_of(NORMED, trained(VICTIMS, 1, nets=NORMED), CPU)
    told = told_statistics(part)
    channels = fed(NORMED, VICTIMS.images, part)
    torch.testing.assert_close(told[NORM].means, channels.mean(1), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(told[NORM].variances, channels.var(1), rtol=1e-3, atol=1e-5)
    assert len(told) > 5


def test_so_does_the_gradient_of_a_single_image_and_several_steps_tell_their_mean():
    start = part_of(NORMED, ModelUpdate(NORMED.whole_network().state_dict(), 1), CPU)
    one = VICTIMS.take(torch.tensor([2]))
    told = told_statistics(part_of(NORMED, gradient_step(start, one.images, one.labels, CPU), CPU))
    torch.testing.assert_close(told[NORM].means, fed(NORMED, one.images, start).mean(1), rtol=1e-3, atol=1e-5)
    slow = told_statistics(part_of(NORMED, trained(VICTIMS, 3, learning_rate=1e-6, nets=NORMED), CPU))
    torch.testing.assert_close(slow[NORM].means, fed(NORMED, VICTIMS.images, start).mean(1), rtol=1e-2, atol=1e-4)


def test_without_batch_norms_or_steps_nothing_is_told_and_nothing_mismatches():
    for nets, update in ((NETS, trained(VICTIMS, 1)), (NORMED, ModelUpdate(NORMED.whole_network().state_dict(), 4))):
        assert told_statistics(part_of(nets, update, CPU)) == {}
    assert float(statistics_mismatch({}, {})) == 0
    keeping = part_of(NORMED, trained(VICTIMS, 1, nets=NORMED), CPU)
    for norm in batch_norms(keeping.start).values():
        norm.momentum = 0.0
    assert told_statistics(keeping) == {}


def test_what_the_images_themselves_feed_matches_and_what_others_feed_does_not():
    part = part_of(NORMED, trained(VICTIMS, 1, nets=NORMED), CPU)
    told = told_statistics(part)
    seen = watched(part.start.train(), told)
    assert seen == {}
    apart = []
    for images in (VICTIMS.images, OTHERS.images):
        part.start(images)
        assert seen.keys() == told.keys()
        apart.append(float(statistics_mismatch(seen, told).detach()))
    assert apart[0] < 1e-4 < 0.01 < apart[1]


def test_it_is_counted_in_the_variance_that_was_told():
    one = {"norm": Statistics(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 4.0]))}
    other = {"norm": Statistics(torch.tensor([1.0, 4.0]), torch.tensor([4.0, 9.0]))}
    assert float(statistics_mismatch(other, one)) == pytest.approx((0 + (4 + 1) / 4) / 2, rel=2e-3)
