from dataclasses import replace

import pytest
import torch

from dpm_flower.core.boxed import joined
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.streams import stream
from dpm_flower.studies.trials.detection_stream import DetectionDays, box_counts
from tests.training.cells import cells
from tests.training.continual.detection.days import bare

TRAIN = cells(60, seed=9)
DAYS = DetectionDays(count=3, images=31, warm_up=10, public=6, peer=5)


def divided(knobs=DAYS, seed=0):
    return knobs.divided(TRAIN, stream(seed, "days"))


def common_share(boxed):
    counts = box_counts(boxed).sum(0)
    everything = box_counts(divided().came.take(torch.arange(10, 41))).sum(0)
    return float(counts[everything.argmax()] / counts.sum())


def test_parts_have_their_sizes_and_no_image_is_in_two():
    found = divided()
    parts = [found.warm_up, found.public, found.peer, *found.days]
    assert [len(part) for part in parts] == [10, 6, 5, 11, 10, 10]
    keys = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert len(set.union(*keys)) == sum(map(len, keys)) == 52


def test_all_that_came_is_in_order_of_arrival():
    found = divided()
    assert torch.equal(found.came.images, torch.cat([found.warm_up.images, *(day.images for day in found.days)]))


def test_the_share_of_the_commonest_class_falls_from_day_to_day():
    first, second, third = (common_share(day) for day in divided().days)
    assert first > second > third
    assert first - third > 0.4


def test_less_shift_makes_days_more_alike():
    spreads = []
    for shift in (1.0, 0.0):
        shares = [common_share(day) for day in divided(replace(DAYS, shift=shift)).days]
        spreads.append(max(shares) - min(shares))
    assert spreads[1] < 0.5 * spreads[0]


def test_the_stream_of_the_seed_decides_all():
    assert torch.equal(divided().came.images, divided().came.images)
    assert not torch.equal(divided().came.images, divided(seed=1).came.images)


@pytest.mark.parametrize("knobs", [{"count": 1}, {"images": 11}, {"peer": 1}, {"shift": 1.1}, {"shift": -0.1}], ids=str)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match=r"wanted at least 2 days|shift must lie"):
        DetectionDays(**knobs)


def test_too_few_images_are_refused():
    with pytest.raises(SettingError, match="wanted 204 training images in all, got 60"):
        divided(DetectionDays())


def test_a_day_may_have_no_boxes():
    some = torch.arange(0, 60, 2)
    train = joined([TRAIN.take(some), bare(TRAIN.take(some + 1))])
    counts = [int(box_counts(day).sum()) for day in DAYS.divided(train, stream(0, "days")).days]
    assert 0 in counts
    assert sum(counts) > 0


def test_data_with_nothing_to_learn_or_to_forget_are_refused():
    with pytest.raises(DataError, match="wanted a box in the 10 images of the warm-up, got none"):
        DAYS.divided(bare(TRAIN), stream(0, "days"))
    found = divided()
    with pytest.raises(DataError, match="wanted a box on one of the 3 days before the last, got none"):
        replace(found, days=(*map(bare, found.days[:2]), found.days[2]))
