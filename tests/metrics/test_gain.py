import dataclasses

import numpy
import pytest
import torch

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics import gain
from dpm_flower.metrics.gain import gain_kept


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def answers(shape=(3, 4, 500), raw=0.2, shared=0.15, seed=0):
    """Answers where the other arms add to what `own` has right, independently by image."""
    draw = rng(seed)
    own = torch.rand(shape, generator=draw) < 0.6
    return own, own | (torch.rand(shape, generator=draw) < raw), own | (torch.rand(shape, generator=draw) < shared)


def slow_replicates(own, raw, shared, replicates, seed):
    """One by one, by picking images: mean gains of raw and shared (R,2) and each seed's (R,2,S)."""
    draw = rng(seed)
    means, by_seed = [], []
    for _ in range(replicates):
        m = torch.randint(own.shape[2], (own.shape[2],), generator=draw)
        own_mean, raw_mean, shared_mean = (arm[:, :, m].double().mean((1, 2)) for arm in (own, raw, shared))
        by_seed.append(torch.stack((raw_mean - own_mean, shared_mean - own_mean)))
        means.append(by_seed[-1].mean(1))
    return torch.stack(means), torch.stack(by_seed)


def test_the_value_is_the_ratio_of_mean_accuracies():
    own, raw, shared = answers()
    kept = gain_kept(own, raw, shared, rng())
    by_receiver = [arm.double().mean((0, 2)) for arm in (own, raw, shared)]
    expected = (by_receiver[2] - by_receiver[0]).sum() / (by_receiver[1] - by_receiver[0]).sum()
    assert kept.measurable
    assert kept.reason == ""
    assert kept.resampled == "seeds and images"
    assert kept.value == pytest.approx(expected.item())
    assert kept.raw_gain == pytest.approx((raw.double().mean() - own.double().mean()).item())
    assert kept.low < kept.value < kept.high


def test_all_and_nothing():
    own, raw, _ = answers()
    everything, nothing = gain_kept(own, raw, raw, rng()), gain_kept(own, raw, own, rng())
    assert (everything.value, everything.low, everything.high) == (1, 1, 1)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_with_one_seed_it_is_the_percentile_bootstrap_of_images():
    own, raw, shared = answers((1, 2, 300))
    slow, _ = slow_replicates(own, raw, shared, 2000, 1)
    kept = gain_kept(own, raw, shared, rng())
    ratios = (slow[:, 1] / slow[:, 0]).sort().values
    assert kept.raw_gain_error == pytest.approx(slow[:, 0].std().item(), rel=0.08)
    width = (ratios[1950] - ratios[49]).item()
    assert kept.low == pytest.approx(ratios[49].item(), abs=0.1 * width)
    assert kept.high == pytest.approx(ratios[1950].item(), abs=0.1 * width)


def test_with_several_seeds_their_mean_scatters_as_student_s_t():
    own, raw, shared = answers((5, 2, 300))
    _, slow = slow_replicates(own, raw, shared, 1000, 1)
    kept = gain_kept(own, raw, shared, rng())
    student, generator = [], numpy.random.default_rng(0)
    for gains in slow.numpy():  # (2,S): a multivariate t around the seeds' mean, from their covariance
        normal = generator.multivariate_normal([0, 0], numpy.cov(gains) / 5)
        student.append(gains.mean(1) + normal / numpy.sqrt(generator.chisquare(4) / 4))
    ratios = numpy.sort([shared_gain / raw_gain for raw_gain, shared_gain in student])
    width = ratios[975] - ratios[24]
    assert kept.low == pytest.approx(ratios[24], abs=0.15 * width)
    assert kept.high == pytest.approx(ratios[975], abs=0.15 * width)


@pytest.mark.parametrize(("seeds", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776)])
def test_where_only_seeds_differ_the_interval_is_student_s(seeds, quantile):
    """All images alike, so that nothing is left to resample: the ends are those of a t interval of the seeds' gains."""
    own = torch.zeros(seeds, 1, 100, dtype=torch.bool)
    raw, shared = ~own, own.clone()
    for seed in range(seeds):
        shared[seed, :, : 40 + 10 * seed] = True
    gains = shared.double().mean((1, 2))
    kept = gain_kept(own, raw, shared, rng(), replicates=20_000)
    images = kept.value * (1 - kept.value) / 100  # the variance that resampling images has: small beside the seeds'
    reach = quantile * (gains.var() / seeds + images / quantile**2).sqrt().item()
    assert kept.high - kept.value == pytest.approx(reach, rel=0.12)
    assert kept.value - kept.low == pytest.approx(reach, rel=0.12)
    assert kept.value == pytest.approx(gains.mean().item())


def test_a_few_seeds_cover_the_truth_as_often_as_is_said():
    """Forty studies of three seeds, whose gains scatter by a fifth around 0.6 of the raw ones; 38 are expected."""
    draw, held = rng(1), 0
    for _ in range(40):
        hard = torch.rand(300, generator=draw)
        raw_gain = 0.2 + 0.04 * torch.randn(3, 1, generator=draw)
        shared_gain = 0.6 * raw_gain + 0.04 * torch.randn(3, 1, generator=draw)
        own, raw, shared = (
            ((hard + 0.03 * torch.randn(3, 300, generator=draw)) < 0.5 + more).unsqueeze(1) for more in (0, raw_gain, shared_gain)
        )
        kept = gain_kept(own, raw, shared, draw, replicates=200)
        held += kept.value is not None and kept.low <= 0.6 <= kept.high
    assert held >= 36


def test_images_are_the_same_for_all_receivers_and_arms():
    """Four receivers that answer alike are no more evidence than one; with images of their own the error would halve."""
    own, raw, shared = answers((1, 1, 400))
    one = gain_kept(own, raw, shared, rng())
    four = gain_kept(*(arm.expand(1, 4, 400) for arm in (own, raw, shared)), rng())
    assert dataclasses.asdict(four) == pytest.approx(dataclasses.asdict(one))


def test_seeds_that_differ_widen_the_interval():
    own = torch.zeros(2, 1, 400, dtype=torch.bool)
    raw, shared = ~own, own.clone()
    alike, apart = shared.clone(), shared.clone()
    alike[:, :, :200] = True  # half of the gain under either seed
    apart[0] = True  # all of it under one, nothing under the other
    alike, apart = gain_kept(own, raw, alike, rng()), gain_kept(own, raw, apart, rng())
    assert alike.value == apart.value == 0.5
    assert 0.4 < alike.low < alike.high < 0.6
    assert apart.low < 0
    assert apart.high > 1


def test_the_same_generator_gives_the_same_interval():
    first, again, other = (gain_kept(*answers(), rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_pieces_do_not_bias(monkeypatch):
    own, raw, shared = answers((3, 2, 120))
    whole = gain_kept(own, raw, shared, rng())
    monkeypatch.setattr(gain, "PIECE_DRAWS", 1000)
    assert gain_kept(own, raw, shared, rng()) == whole


@pytest.mark.parametrize("raw_gain", [0.0, 0.01])
def test_a_gain_below_three_standard_errors_is_not_measurable(raw_gain):
    own = torch.arange(400).remainder(2).bool().expand(2, 1, 400).clone()
    raw = own.clone()
    raw[:, :, : int(800 * raw_gain) : 2] = True  # four images in four hundred: their number has a standard error of two
    kept = gain_kept(own, raw, raw, rng())
    assert not kept.measurable
    assert (kept.value, kept.low, kept.high) == (None, None, None)
    assert kept.raw_gain == pytest.approx(raw_gain)
    assert "standard error" in kept.reason


def test_a_loss_is_not_measurable_however_sure():
    own, raw, shared = answers()
    assert not gain_kept(raw, own, shared, rng()).measurable


def test_one_seed_is_said_to_leave_images_only():
    kept = gain_kept(*answers((1, 4, 500)), rng())
    assert kept.measurable
    assert kept.resampled == "images"
    assert kept.raw_gain_error > 0


def test_replicates_without_a_gain_leave_the_interval_open():
    raw_sums = torch.tensor([1.0] * 90 + [0.0] * 5 + [-1.0] * 5)
    low, high = gain._interval(raw_sums, torch.full((100,), 0.5))
    assert (low, high) == (float("-inf"), float("inf"))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_other_shapes_and_types_are_refused(place):
    arms = list(answers((2, 2, 9)))
    arms[place] = arms[place][:, :, :8]
    with pytest.raises(ShapeError, match=r"\(seeds, receivers, images\)"):
        gain_kept(*arms, rng())
    arms = list(answers((2, 2, 9)))
    arms[place] = arms[place].float()
    with pytest.raises(MetricError, match="as bool"):
        gain_kept(*arms, rng())


def test_nothing_to_measure_is_refused():
    empty = torch.zeros(2, 0, 9, dtype=torch.bool)
    with pytest.raises(ShapeError, match="none of them 0"):
        gain_kept(empty, empty, empty, rng())
    with pytest.raises(MetricError, match="at least 2 replicates, got 1"):
        gain_kept(*answers((1, 1, 5)), rng(), replicates=1)
