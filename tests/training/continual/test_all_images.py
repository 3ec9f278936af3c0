import torch

from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.shared import SharedImages
from dpm_flower.training.continual.all_images import AllImages
from tests.training.continual.days import DAY, FEW, SOME, TEST, WARM_UP, beginning, only, top1


def test_it_learns_what_a_day_brings_and_forgets_nothing():
    learner = AllImages(fitting=SOME, augment="none").start(beginning())
    known, day = only(WARM_UP, 0, 1), only(WARM_UP, 2)
    learner.warmed(known.images, known.labels)
    learner.day(day.images, day.labels)
    assert top1(learner, only(TEST, 2)) > 0.8
    assert top1(learner, only(TEST, 0, 1)) > 0.8


def test_all_images_stay_as_bytes_in_the_order_in_which_they_came():
    learner = AllImages(fitting=FEW).start(beginning())
    assert learner.kept.size_bytes == 0
    learner.warmed(WARM_UP.images, WARM_UP.labels)
    learner.day(DAY.images, DAY.labels)
    kept = learner.kept
    assert isinstance(kept.shared, SharedImages)
    assert torch.equal(kept.shared.images, as_bytes(torch.cat([WARM_UP.images, DAY.images])))
    assert torch.equal(kept.shared.labels, torch.cat([WARM_UP.labels, DAY.labels]))
    assert torch.equal(kept.arrivals, torch.arange(len(WARM_UP) + len(DAY)))
    assert kept.size_bytes == (len(WARM_UP) + len(DAY)) * (3 * 12 * 12 + 8)
