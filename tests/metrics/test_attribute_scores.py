import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics import attribute_scores as module
from dpm_flower.metrics.attribute_scores import LEAST_OF_EACH, attribute_scores, mean_auc_interval, tellable
from dpm_flower.metrics.resampling import draw_counts

RNG = torch.Generator().manual_seed(0)
KNOWN = torch.randint(0, 2, (80, 3), generator=RNG).to(torch.uint8)
KNOWN[::9, 1] = 255
SCORES = KNOWN.clamp_max(1).double() * 0.8 + torch.randn(80, 3, generator=RNG).mul(2).round().div(2).double()  # with ties


def test_unknown_ones_do_not_count_and_the_rest_is_what_scikit_learn_says():
    found = attribute_scores(SCORES, KNOWN)
    for column in range(3):
        rows = KNOWN[:, column] != 255
        truth, scores = KNOWN[rows, column].numpy(), SCORES[rows, column].numpy()
        assert float(found.auc[column]) == roc_auc_score(truth, scores)
        assert float(found.average_precision[column]) == average_precision_score(truth, scores)
    changed = SCORES.clone()
    changed[KNOWN[:, 1] == 255, 1] = 1e6
    assert torch.equal(attribute_scores(changed, KNOWN).auc, found.auc)


def test_the_ends_are_perfect_useless_and_reversed():
    truth = KNOWN[:, :1].clone()
    scores = torch.cat((truth.double(), torch.zeros(80, 1), -truth.double()), 1)
    found = attribute_scores(scores, truth.expand(-1, 3))
    assert found.auc.tolist() == [1, 0.5, 0]
    assert float(found.average_precision[1]) == pytest.approx(float(truth.double().mean()))


def test_a_resample_s_auc_is_scikit_learn_s_with_the_draws_as_weights():
    counts = draw_counts(6, 80, torch.Generator().manual_seed(1))
    for column in range(3):
        rows = KNOWN[:, column] != 255
        found = module._auc(SCORES[:, column], KNOWN[:, column], counts)
        wanted = [roc_auc_score(KNOWN[rows, column], SCORES[rows, column], sample_weight=drawn[rows]) for drawn in counts]
        assert found.tolist() == pytest.approx(wanted)


def test_the_interval_holds_the_mean_shrinks_with_more_images_and_repeats_itself():
    mean = float(attribute_scores(SCORES, KNOWN).auc.mean())
    low, high = mean_auc_interval(SCORES, KNOWN, torch.Generator().manual_seed(2), 400)
    assert low < mean < high
    many = mean_auc_interval(SCORES.repeat(4, 1), KNOWN.repeat(4, 1), torch.Generator().manual_seed(2), 400)
    assert (many[1] - many[0]) / (high - low) == pytest.approx(0.5, abs=0.1)
    assert mean_auc_interval(SCORES, KNOWN, torch.Generator().manual_seed(2), 400) == (low, high)
    perfect = mean_auc_interval(KNOWN[:, :1].double(), KNOWN[:, :1], torch.Generator().manual_seed(2), 50)
    assert perfect == (1, 1)


def test_an_attribute_that_a_resample_lost_does_not_spoil_its_mean():
    known = torch.zeros(40, 2, dtype=torch.uint8)
    known[:20, 0], known[:1, 1] = 1, 1
    scores = known.double() * torch.tensor([1, -1])  # one is told perfectly, the other, which one image has, the wrong way round
    low, high = mean_auc_interval(scores, known, torch.Generator().manual_seed(0), 50)
    assert (low, high) == (0.5, 1)


def test_attributes_are_judged_of_which_enough_images_have_it_and_have_it_not():
    known = torch.zeros(30, 4, dtype=torch.uint8)
    known[:LEAST_OF_EACH, 0] = known[: LEAST_OF_EACH - 1, 1] = known[: 30 - LEAST_OF_EACH + 1, 2] = 1
    known[:LEAST_OF_EACH, 3], known[LEAST_OF_EACH + 4 :, 3] = 1, 255
    assert tellable(known).tolist() == [0]


@pytest.mark.parametrize(
    ("scores", "known", "error", "reason"),
    [
        (SCORES[:, :2], KNOWN, ShapeError, r"got \(80, 2\) and \(80, 3\)"),
        (SCORES[:, 0], KNOWN[:, 0], ShapeError, r"wanted scores and attributes \(N,A\)"),
        (SCORES / 0, KNOWN, MetricError, "wanted finite scores"),
        (SCORES, KNOWN * 0, MetricError, "some images are known to have"),
        (SCORES[:, :0], KNOWN[:, :0], MetricError, "some images are known to have"),
    ],
)
def test_what_cannot_be_scored_is_refused(scores, known, error, reason):
    for score in (attribute_scores, lambda *args: mean_auc_interval(*args, torch.Generator())):
        with pytest.raises(error, match=reason):
            score(scores, known)
    with pytest.raises(MetricError, match="at least 2 replicates, got 1"):
        mean_auc_interval(SCORES, KNOWN, torch.Generator(), 1)
