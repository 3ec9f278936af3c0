import math
from dataclasses import fields, replace

import pytest
import torch

from dpm_flower.attacks import headline as module
from dpm_flower.attacks.headline import SCORES, Anchored, any_counts, headline
from dpm_flower.attacks.scoring import Disclosure
from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.resampling import draw_counts

IMAGES = 200


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def scored(images=IMAGES, spread=0.1, seed=0, **means):
    """Scores that scatter about these means; any other has the mean 0."""
    draw = rng(seed)
    noise = {field.name: spread * torch.randn(images, generator=draw) for field in fields(Disclosure)}
    return Disclosure(**{name: means.get(name, 0.0) + scatter for name, scatter in noise.items()})


def anchored(seed=0, images=IMAGES, ceiling=0.8, **means):
    """An attacker that reaches `ceiling` on raw features by every score, where the label reaches about 0.2."""
    floor = scored(images, seed=100, **dict.fromkeys(SCORES, 0.2))
    return Anchored(scored(images, seed=seed, **means), floor, scored(images, seed=seed + 1000, **dict.fromkeys(SCORES, ceiling)))


WEAK = anchored(1, ssim=0.2, perceptual=0.25, edge=0.2)
STRONG = anchored(2, ssim=0.3, perceptual=0.3, edge=0.5)
OF_SCORE = dict.fromkeys(SCORES, 0.3)


def fractions(one, score, drawn=slice(None)):
    """By the definition, for images drawn: each one's part of the disclosed fraction."""
    attack, floor, ceiling = (getattr(each, score).double()[drawn] for each in (one.attack, one.floor, one.ceiling))
    return (attack - floor) / (ceiling.mean() - floor.mean())


def test_the_worst_attacker_by_the_worst_score_is_the_headline():
    found = headline({"weak": WEAK, "strong": STRONG}, rng())
    assert (found.mean.attacker, found.mean.score) == ("strong", "edge")
    assert found.mean.value == pytest.approx(0.5, abs=0.05)
    for wanted, worst in ((torch.mean, found.mean), (lambda parts: parts.quantile(0.95), found.p95)):
        of_all = [float(wanted(fractions(one, score))) for one in (WEAK, STRONG) for score in SCORES]
        assert worst.value == pytest.approx(max(of_all))
    assert found.left_out == {}


@pytest.mark.parametrize("score", SCORES)
def test_any_of_the_four_scores_may_be_the_worst_and_no_other(score):
    other = anchored(3, **dict.fromkeys(("structure", "psnr", "l1"), 5.0), **OF_SCORE | {score: 0.45})
    found = headline({"weak": WEAK, "other": other}, rng())
    assert (found.mean.attacker, found.mean.score) == ("other", score)


def test_the_95th_percentile_has_a_worst_of_its_own():
    few = anchored(4)
    few.attack.ssim[:20] = 1.0  # a tenth of the images are wholly disclosed, the others not at all
    found = headline({"all a little": STRONG, "few": few}, rng())
    assert found.mean.attacker == "all a little"
    assert (found.p95.attacker, found.p95.score) == ("few", "ssim")
    assert found.p95.value > 1 > found.mean.value


def slow_interval(attackers, statistic, replicates, seed):
    """One resample after the other, by picking images: floor, ceiling and the greatest of all anew each time."""
    draw, greatest = rng(seed), []
    for _ in range(replicates):
        drawn = torch.randint(IMAGES, (IMAGES,), generator=draw)
        greatest.append(max(float(statistic(fractions(one, score, drawn))) for one in attackers.values() for score in SCORES))
    ordered = sorted(greatest)
    return ordered[math.floor(0.025 * (replicates - 1))], ordered[math.ceil(0.975 * (replicates - 1))]


def test_the_interval_is_that_of_the_greatest_in_each_resample():
    attackers = {"weak": WEAK, "strong": STRONG, "as strong": anchored(5, edge=0.5)}
    found = headline(attackers, rng(7), replicates=300)
    for statistic, worst in ((torch.mean, found.mean), (lambda parts: parts.quantile(0.95), found.p95)):
        assert (worst.low, worst.high) == pytest.approx(slow_interval(attackers, statistic, 300, 7))
        assert worst.low < worst.value < worst.high


def test_attackers_are_asked_about_the_same_images_in_each_resample():
    """Twenty attackers that guess alike are no worse than one; with images of their own, the greatest of them would be."""
    one = headline({"a": STRONG}, rng())
    many = headline({str(number): STRONG for number in range(20)}, rng())
    assert many.figures() == pytest.approx(one.figures())


def test_more_images_narrow_the_interval():
    widths = []
    for images in (50, 800):
        found = headline({"a": anchored(6, images, **OF_SCORE)}, rng())
        widths.append(found.mean.high - found.mean.low)
    assert widths[0] > 2 * widths[1]


def test_the_interval_of_one_attacker_holds_the_truth_as_often_as_is_said():
    """Forty releases of which half is disclosed by one score and less by the others; 38 are expected."""
    held = 0
    for seed in range(40):
        found = headline({"a": anchored(10 + seed, ssim=0.5)}, rng(seed), replicates=200)
        held += found.mean.low <= 0.5 <= found.mean.high
    assert held >= 34


def test_the_ends_of_a_release_that_tells_nothing_and_of_one_that_tells_all():
    nothing = headline({"a": Anchored(STRONG.floor, STRONG.floor, STRONG.ceiling)}, rng())
    everything = headline({"a": Anchored(STRONG.ceiling, STRONG.floor, STRONG.ceiling)}, rng())
    assert (nothing.mean.value, nothing.mean.low, nothing.mean.high) == (0, 0, 0)
    for value in (everything.mean.value, everything.mean.low, everything.mean.high):
        assert value == pytest.approx(1)


def test_figures_are_numbers_by_name():
    found = headline({"a": STRONG}, rng())
    assert found.figures() == {
        "headline_p": found.mean.value,
        "headline_p_low": found.mean.low,
        "headline_p_high": found.mean.high,
        "headline_p_p95": found.p95.value,
        "headline_p_p95_low": found.p95.low,
        "headline_p_p95_high": found.p95.high,
    }


def test_an_open_end_is_no_figure():
    spans = torch.tensor([-1.0, 3.0]).double()  # a quarter of the resamples have no bound
    series = [module._Series(("a", "ssim"), torch.tensor([0.2, 0.3]).double(), spans, torch.arange(2))]
    means, _ = module._bootstrap(series, 2, rng(), 400)
    worst = module._worst([0.25], means, series)
    assert (worst.low, worst.high) == (-math.inf, math.inf)
    assert set(module.Headline(worst, worst, {}).figures()) == {"headline_p", "headline_p_p95"}


def only(some, judged):
    return Disclosure(**{field.name: getattr(some, field.name)[judged] for field in fields(Disclosure)})


def test_an_attacker_may_be_judged_by_some_of_the_images():
    """Half of the pairs leaked to one who then does better: resampled together with those who are judged by all."""
    judged = torch.arange(IMAGES) % 2 == 0
    parts = [only(one, judged) for one in (STRONG.attack, STRONG.floor, STRONG.ceiling)]
    leaked = Anchored(*parts, judged)
    found = headline({"leaked": leaked}, rng(3), 300)
    assert found.mean.value == pytest.approx(float(fractions(leaked, "edge").mean()))
    draw, means, quantiles = rng(3), [], []
    place = judged.cumsum(0) - 1  # of a released image among the judged ones
    for _ in range(300):
        drawn = torch.randint(IMAGES, (IMAGES,), generator=draw)
        drawn = place[drawn[judged[drawn]]]
        of_all = [fractions(leaked, score, drawn) for score in SCORES]
        means.append(max(float(one.mean()) for one in of_all))
        quantiles.append(max(float(one.quantile(0.95)) for one in of_all))
    for worst, of_all in ((found.mean, sorted(means)), (found.p95, sorted(quantiles))):
        assert (worst.low, worst.high) == pytest.approx((of_all[7], of_all[292]))
    both = headline({"weak": WEAK, "leaked": leaked}, rng(3), 300)
    assert both.mean == found.mean


def test_the_same_generator_gives_the_same_interval_and_pieces_do_not_show(monkeypatch):
    first, again, other = (headline({"a": WEAK, "b": STRONG}, rng(seed), 100) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    monkeypatch.setattr(module, "PIECE_DRAWS", 700)
    assert headline({"a": WEAK, "b": STRONG}, rng(), 100).figures() == pytest.approx(first.figures())


def test_whether_anybody_counts_is_told():
    assert any_counts({"unable": anchored(7, ceiling=0.2), "strong": STRONG})
    assert not any_counts({"unable": anchored(7, ceiling=0.2)})
    assert not any_counts({})


@pytest.mark.parametrize("ceiling", [0.2, 0.1, 0.205])
def test_who_does_no_better_on_raw_features_than_the_label_does_not_count_and_is_named(ceiling):
    unable = anchored(7, ceiling=ceiling)
    found = headline({"unable": unable, "strong": STRONG}, rng())
    assert found.mean.attacker == found.p95.attacker == "strong"
    assert set(found.left_out) == {("unable", score) for score in SCORES}
    assert "standard error" in found.left_out["unable", "ssim"]
    with pytest.raises(MetricError, match="no attacker was shown able to succeed: unable by ssim, raw features come nearer"):
        headline({"unable": unable}, rng())


def test_who_succeeds_against_the_release_counts_whatever_became_of_it_on_raw_features():
    """Measured by what the ablest attacker could have got: a defence that makes an attacker's own ceiling low does not rid itself of it."""
    surprising = anchored(7, ceiling=0.2, ssim=0.5)
    found = headline({"surprising": surprising, "weak": WEAK}, rng())
    assert (found.mean.attacker, found.mean.score) == ("surprising", "ssim")
    span = float((WEAK.ceiling.ssim - WEAK.floor.ssim).mean())
    assert found.mean.value == pytest.approx(float((surprising.attack.ssim - surprising.floor.ssim).mean()) / span)
    assert found.mean.low < found.mean.value < found.mean.high
    assert set(found.left_out) == {("surprising", score) for score in SCORES if score != "ssim"}


def unable(gained, seed=7):
    """An attacker for whom raw features do nothing, and which comes nearer than the label by this much (N) by SSIM, by noise elsewhere."""
    one = anchored(seed, len(gained), ceiling=0.2, **dict.fromkeys(SCORES, 0.2))
    return replace(one, attack=replace(one.attack, ssim=one.floor.ssim + gained))


def lost_but(recovered, lost, images=IMAGES):
    """Of all images this share comes nearer than the label by 0.6, the span; the rest by `lost`."""
    gained = 0.1 * torch.randn(images, generator=rng(8)) + lost
    gained[: round(recovered * images)] += 0.6 - lost
    return gained


@pytest.mark.parametrize("lost", [-0.2, -0.6])
def test_who_recovers_one_image_in_ten_counts_though_it_loses_by_all_others(lost):
    one = unable(lost_but(0.1, lost))
    assert float((one.attack.ssim - one.floor.ssim).mean()) < 0
    found = headline({"few": one, "weak": WEAK}, rng())
    assert (found.p95.attacker, found.p95.score) == ("few", "ssim")
    span = float((WEAK.ceiling.ssim - WEAK.floor.ssim).mean())
    gained = (one.attack.ssim - one.floor.ssim).double()
    assert found.p95.value == pytest.approx(float(gained.quantile(0.95)) / span)
    assert found.mean == headline({"weak": WEAK}, rng()).mean
    assert set(found.left_out) == {("few", score) for score in SCORES if score != "ssim"}


def test_who_recovers_most_images_counts_though_its_losses_are_greater():
    gained = lost_but(0.6, -1.0, 600)
    assert float(gained.mean()) < 0
    assert ("most", "ssim") not in headline({"most": unable(gained), "able": anchored(1, 600)}, rng()).left_out


def test_who_comes_a_little_nearer_by_all_images_counts_though_it_recovers_none():
    little = unable(0.05 + 0.1 * torch.randn(IMAGES, generator=rng(8)))
    assert ("little", "ssim") not in headline({"little": little, "weak": WEAK}, rng(), 2).left_out


def test_noise_does_not_count_however_great_it_is():
    """A hundred attackers whose best images come nearer than the label by more than the whole span; 0.2 are expected to get in."""
    let_in = 0
    for seed in range(100):
        noise = unable(0.6 * torch.randn(IMAGES, generator=rng(seed)) - 0.1 * (seed % 3))
        assert float((noise.attack.ssim - noise.floor.ssim).quantile(0.95)) > 0.6
        let_in += ("noise", "ssim") not in headline({"noise": noise, "weak": WEAK}, rng(), 2).left_out
    assert let_in <= 1


def test_a_few_images_may_be_chance():
    for many, images in ((8, 8 / IMAGES), (9, 9 / IMAGES)):
        left_out = headline({"few": unable(lost_but(images, -0.2)), "weak": WEAK}, rng(), 2).left_out
        assert (("few", "ssim") in left_out) == (many < 9)


def test_a_borrowed_span_is_the_same_in_all_resamples():
    """One image in two is told as by raw features of the able, the other not at all: only the drawing of images is uncertain."""
    gained = torch.where(torch.arange(IMAGES) % 2 == 0, 0.6, 0.0)
    span = float((WEAK.ceiling.ssim - WEAK.floor.ssim).mean())
    found = headline({"half": unable(gained), "weak": WEAK}, rng(5), 300)
    draw = rng(5)
    means = sorted(float(gained[torch.randint(IMAGES, (IMAGES,), generator=draw)].mean()) / span for _ in range(300))
    assert (found.mean.attacker, found.mean.low, found.mean.high) == ("half", pytest.approx(means[7]), pytest.approx(means[292]))


def test_as_many_resamples_are_held_at_a_time_as_there_is_room_for(monkeypatch):
    held = []

    def noting(replicates, things, draw):
        held.append((replicates, things))
        return draw_counts(replicates, things, draw)

    monkeypatch.setattr(module, "draw_counts", noting)
    monkeypatch.setattr(module, "PIECE_DRAWS", 700)
    headline({"a": WEAK, "b": STRONG}, rng(), 100)
    assert held == [(3, IMAGES)] * 33 + [(1, IMAGES)]
    held.clear()
    monkeypatch.setattr(module, "PIECE_DRAWS", IMAGES - 1)  # less than one resample: one at a time all the same
    headline({"a": WEAK}, rng(), 4)
    assert held == [(1, IMAGES)] * 4


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(MetricError, match="at least one attacker"):
        headline({}, rng())
    with pytest.raises(ShapeError, match=r"images of one release, got releases of \[50, 200\] images"):
        headline({"a": STRONG, "b": anchored(0, 50)}, rng())
    with pytest.raises(ShapeError, match=r"the 200 images that b is judged by, got \[50, 200\]"):
        headline({"a": STRONG, "b": Anchored(STRONG.attack, STRONG.floor, anchored(0, 50).ceiling)}, rng())
    with pytest.raises(ShapeError, match=r"the 3 images that b is judged by, got \[200\]"):
        headline({"b": replace(STRONG, judged=torch.arange(IMAGES) < 3)}, rng())
    with pytest.raises(MetricError, match="at least 2 images, got 1 for a"):
        headline({"a": anchored(0, 1)}, rng())
    with pytest.raises(MetricError, match="at least 2 replicates, got 1"):
        headline({"a": STRONG}, rng(), replicates=1)
