import torch

from dpm_flower.training.continual.online import OnlineFineTuning
from tests.training.continual.days import SOME, TEST, WARM_UP, beginning, only, top1


def test_it_learns_what_a_day_brings_forgets_the_rest_and_keeps_nothing():
    learner = OnlineFineTuning(fitting=SOME, augment="none").start(beginning())
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    assert min(top1(learner, only(TEST, known)) for known in (0, 1)) > 0.8 > 0.2 > top1(learner, only(TEST, 2))
    day = WARM_UP.take(torch.cat([(WARM_UP.labels == number).nonzero().flatten() for number in (0, 2)]))
    learner.day(day.images, day.labels)
    assert min(top1(learner, only(TEST, came)) for came in (0, 2)) > 0.8
    assert top1(learner, only(TEST, 1)) < 0.5
    assert (learner.kept.size_bytes, learner.kept.shared, learner.kept.arrivals) == (0, None, None)
