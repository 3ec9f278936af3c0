from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.progress import silent
from dpm_flower.core.protocols import Preparation
from dpm_flower.core.streams import stream
from dpm_flower.training.perturbation import GaussianFilter, GaussianNoise, MeanFilter, Perturber, channel_units
from dpm_flower.training.perturbation_strength import (
    CALIBRATION,
    FAMILIES,
    RUNGS,
    Calibrated,
    check_choice,
    ladder,
    settle,
    strength_of,
    weakest_reaching,
)
from dpm_flower.training.prediction import apply
from tests.training.toys import CHANNELS, CPU, SIDE, deciding_nets, pictures, public_nets

KINDS = {"gaussian-noise": GaussianNoise, "gaussian-filter": GaussianFilter, "mean-filter": MeanFilter}
VALIDATION = pictures(90, seed=1)
DROP = 0.3  # what even filters of the toy network's maps can cost


def preparation(nets=None, validation=VALIDATION, seed=0):
    nets = nets or deciding_nets()
    return Preparation(
        net=nets,
        private=pictures(24),
        validation=validation,
        public=pictures(6, seed=2),
        rng=stream(seed, "method"),
        compute=CPU,
        report=silent,
        features=lambda images: apply(nets.featurizer, images, CPU),
    )


def slow_drop(perturbation, of):
    """By the definition, from answers image by image."""
    raw, labels = of.features(of.validation.images), of.validation.labels.tolist()
    noisy = Perturber(perturbation, channel_units(of.features(of.private.images)))(raw, stream(0, CALIBRATION))
    before, after = (
        sum(int(of.net.decider(one.unsqueeze(0)).argmax()) == label for one, label in zip(features, labels, strict=True)) / len(labels)
        for features in (raw, noisy)
    )
    trivial = max(labels.count(number) for number in set(labels)) / len(labels)
    return (before - after) / (before - trivial)


@pytest.mark.parametrize("perturbation", [GaussianNoise(sigma=1.5), GaussianFilter(sigma=4.0), MeanFilter(kernel=13)])
def test_a_fixed_strength_stays_and_its_cost_is_stated(perturbation):
    settled = settle(perturbation, preparation())
    assert settled.perturber.perturbation == perturbation
    torch.testing.assert_close(settled.perturber.unit_C, channel_units(preparation().features(pictures(24).images)))
    assert settled.figures.keys() == {"perturbation_strength", "perturbation_drop"}
    assert settled.figures["perturbation_strength"] == strength_of(perturbation)
    assert settled.figures["perturbation_drop"] == pytest.approx(slow_drop(perturbation, preparation()), abs=1e-6)
    assert settled.figures["perturbation_drop"] > 0.05


@pytest.mark.parametrize("family", FAMILIES)
def test_a_calibrated_strength_reaches_the_drop_and_the_next_weaker_one_does_not(family):
    settled = settle(Calibrated(family, drop=DROP), preparation())
    chosen, rungs = settled.perturber.perturbation, ladder(family, SIDE // 2)
    assert isinstance(chosen, KINDS[family])
    assert slow_drop(chosen, preparation()) >= DROP
    place = rungs.index(chosen)
    assert 0 < place < len(rungs) - 1
    assert slow_drop(rungs[place - 1], preparation()) < DROP
    assert settled.figures == {
        "perturbation_strength": strength_of(chosen),
        "perturbation_drop": pytest.approx(slow_drop(chosen, preparation()), abs=1e-6),
        "perturbation_drop_wanted": DROP,
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_a_calibration_is_deterministic_and_asks_the_decider_at_most_twelve_times(family):
    asked = []
    handle = deciding_nets().decider.register_forward_hook(lambda *_: asked.append(1))
    try:
        one = settle(Calibrated(family, drop=DROP), preparation())
    finally:
        handle.remove()
    assert 2 < len(asked) <= 12
    assert settle(Calibrated(family, drop=DROP), preparation()).figures == one.figures


def test_a_larger_drop_takes_more_noise():
    some = [settle(Calibrated("gaussian-noise", drop=drop), preparation()).figures["perturbation_strength"] for drop in (0.1, 0.4, 0.8)]
    assert some == sorted(set(some))


@pytest.mark.parametrize("family", FAMILIES)
def test_where_the_drop_is_out_of_reach_the_strongest_is_taken_and_says_so(family):
    one_class = Labelled(VALIDATION.images[:1], VALIDATION.labels[:1], VALIDATION.classes)
    for impossible in (preparation(validation=one_class), preparation(nets=public_nets_that_answer_one_class())):
        settled = settle(Calibrated(family, drop=0.5), impossible)
        assert settled.perturber.perturbation == ladder(family, SIDE // 2)[-1]
        assert (settled.figures["perturbation_drop"], settled.figures["perturbation_drop_wanted"]) == (0.0, 0.5)


def public_nets_that_answer_one_class():
    nets = public_nets()
    nets.decider.head.weight.zero_()
    return nets


def test_settling_draws_nothing_of_the_secret_and_changes_no_network():
    of, digest = preparation(), deciding_nets().digest()
    settle(Calibrated("gaussian-noise", drop=DROP), of)
    assert torch.equal(of.rng.get_state(), stream(0, "method").get_state())
    assert deciding_nets().digest() == digest


@pytest.mark.parametrize("family", FAMILIES)
def test_methods_with_streams_of_their_own_settle_on_the_same_strength(family):
    """What noise alone and noise before a module cost can only be compared if both are equally strong."""
    figures = [settle(Calibrated(family, drop=DROP), preparation(seed=seed)).figures for seed in range(3)]
    assert figures[0] == figures[1] == figures[2]
    assert settle(GaussianNoise(sigma=2.0), preparation()).figures == settle(GaussianNoise(sigma=2.0), preparation(seed=1)).figures


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", [1, 6, 16])
def test_a_ladder_rises_from_next_to_nothing_to_next_to_the_mean(family, side):
    rungs = ladder(family, side)
    strengths = [strength_of(rung) for rung in rungs]
    assert strengths == sorted(set(strengths))
    assert all(isinstance(rung, KINDS[family]) for rung in rungs)
    if family == "mean-filter":
        assert strengths == list(range(3, 2 * side + 2, 2))
    else:
        assert len(rungs) == RUNGS
    if family != "gaussian-noise" and side > 1:
        maps = torch.randn(2, CHANNELS, side, side, generator=stream(0))
        weak, strong = (Perturber(rung, torch.ones(CHANNELS))(maps, stream(0)) for rung in (rungs[0], rungs[-1]))
        assert float(strong.std((2, 3)).max()) < 0.1 * float(maps.std((2, 3)).min())
        assert family == "mean-filter" or float((weak - maps).abs().max()) < 1e-2


RUNGS_OF_MEANS = ladder("mean-filter", 40)


@pytest.mark.parametrize("place", [0, 1, 17, 38, 39])
def test_bisection_finds_what_a_scan_finds(place):
    threshold, asked = strength_of(RUNGS_OF_MEANS[place]), []

    def drop_at(perturbation):
        asked.append(perturbation)
        return strength_of(perturbation) / 100

    assert weakest_reaching(threshold / 100, RUNGS_OF_MEANS, drop_at) == (RUNGS_OF_MEANS[place], threshold / 100)
    assert len(asked) == len(set(asked)) <= 7


def test_out_of_reach_is_seen_at_once():
    asked = []
    assert weakest_reaching(0.5, RUNGS_OF_MEANS, lambda one: asked.append(one) or 0.4) == (RUNGS_OF_MEANS[-1], 0.4)
    assert asked == [RUNGS_OF_MEANS[-1]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"family": "noise"}, "must be one of gaussian-noise, gaussian-filter, mean-filter, got 'noise'"),
        ({"drop": 0.0}, r"in \(0, 1\], got 0.0"),
        ({"drop": 1.01}, r"in \(0, 1\], got 1.01"),
        ({"drop": float("nan")}, r"in \(0, 1\], got nan"),
    ],
)
def test_a_calibration_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(SettingError, match=reason):
        replace(Calibrated("mean-filter", drop=0.5), **changes)


@pytest.mark.parametrize("other", [None, 0.5, "gaussian-noise", GaussianNoise])
def test_what_is_no_perturbation_is_refused(other):
    with pytest.raises(SettingError, match="wanted a perturbation, or Calibrated, got"):
        check_choice(other)
