import math

import pytest
import torch
from torch.distributions import Normal

from dpm_flower.attacks.membership import LikelihoodRatio, confidences, halves, likelihood_ratios
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.level import Level
from dpm_flower.core.streams import stream
from dpm_flower.metrics.membership import auc
from tests.training.toys import pictures

CANDIDATES = pictures(60, seed=3)
INSIDE = torch.arange(60) < 30


def remembering(sent: Labelled, rng, strength):
    """A decider that is surer of what it has seen; how hard each image is differs far more than that."""
    known = {image.sum().item() for image in sent.images}
    noise = torch.randn(len(CANDIDATES), generator=rng)

    def decide(images):
        hard = 8 * (1000 * images.sum((1, 2, 3))).sin()
        sure = torch.tensor([strength * (image.sum().item() in known) for image in images]) - hard + 0.3 * noise[: len(images)]
        logits = torch.zeros(len(images), 3)
        return logits.scatter(1, CANDIDATES.labels[: len(images), None], sure[:, None])

    return decide


def told(strength, shadows=8, owner="attacker"):
    def refine(sent, rng):
        return remembering(sent, rng, strength)

    asked = remembering(CANDIDATES.take(INSIDE.nonzero().flatten()), stream(0, "victim"), strength)
    return LikelihoodRatio(shadows=shadows).scores(asked, refine, CANDIDATES, stream(0, owner)), asked


def test_it_tells_who_was_seen_where_the_answers_alone_do_not():
    scores, asked = told(1.5)
    assert auc(scores, INSIDE) > 0.95
    assert auc(confidences(asked(CANDIDATES.images), CANDIDATES.labels), INSIDE) < 0.7


def test_deciders_that_remember_nothing_tell_nothing():
    assert 0.3 < auc(told(0.0)[0], INSIDE) < 0.7


def test_the_same_stream_gives_the_same_scores_and_another_one_others():
    first = told(1.0)[0]
    assert torch.equal(told(1.0)[0], first)
    assert not torch.equal(told(1.0, owner="another")[0], first)


def test_every_candidate_is_in_exactly_half_of_the_shadows():
    inside = halves(50, 6, stream(0, "halves"))
    assert tuple(inside.shape) == (6, 50)
    assert inside.sum(0).tolist() == [3] * 50
    assert 15 <= int(inside.sum(1).min()) < int(inside.sum(1).max()) <= 35


def test_shadows_get_the_candidates_that_are_theirs_and_streams_of_their_own():
    given = []

    def refine(sent, rng):
        given.append((len(sent), int(torch.randint(2**62, (1,), generator=rng))))
        return lambda images: torch.zeros(len(images), 3)

    LikelihoodRatio(shadows=4).scores(lambda images: torch.zeros(len(images), 3), refine, CANDIDATES, stream(0, "attacker"))
    assert sum(count for count, _ in given) == 2 * len(CANDIDATES)
    assert len({drawn for _, drawn in given}) == 4


def test_ratios_are_those_of_normal_distributions():
    """As the published formula has it, candidate by candidate."""
    rng = torch.Generator().manual_seed(0)
    answers, asked, inside = torch.randn(6, 5, generator=rng).double(), torch.randn(5, generator=rng).double(), halves(5, 6, rng)
    found = likelihood_ratios(asked, answers, inside)
    deviations = []
    for which in (inside, ~inside):
        squares = sum(((answers[which[:, n], n] - answers[which[:, n], n].mean()) ** 2).sum() for n in range(5))
        deviations.append(math.sqrt(float(squares) / sum(int(which[:, n].sum()) - 1 for n in range(5)) + 1e-6))
    for n in range(5):
        seen, unseen = (Normal(answers[which[:, n], n].mean(), d) for which, d in zip((inside, ~inside), deviations, strict=True))
        assert float(found[n]) == pytest.approx(float(seen.log_prob(asked[n]) - unseen.log_prob(asked[n])), abs=1e-9)


def test_answers_are_log_odds_and_keep_their_digits():
    logits, labels = torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [400.0, 0.0, 0.0]]), torch.tensor([0, 1, 0])
    chances = logits[:2].double().softmax(1)[torch.arange(2), labels[:2]]
    found = confidences(logits, labels)
    torch.testing.assert_close(found[:2], (chances / (1 - chances)).log())
    assert float(found[2]) == pytest.approx(400 - math.log(2))


def test_names_and_knobs():
    assert (LikelihoodRatio().name, LikelihoodRatio(shadows=8).name) == ("L3", "L3.x8")
    assert LikelihoodRatio().level is Level.L3
    for shadows in (2, 5):
        with pytest.raises(SettingError, match=f"an even number of at least 4, got {shadows}"):
            LikelihoodRatio(shadows=shadows)
    with pytest.raises(SettingError, match="at least 4 candidates, got 3"):
        LikelihoodRatio().scores(None, None, pictures(3), stream(0, "attacker"))
