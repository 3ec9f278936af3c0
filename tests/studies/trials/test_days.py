from dataclasses import replace

import pytest
import torch

from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import PartitionError, SettingError
from dpm_flower.core.progress import silent
from dpm_flower.data.sources import load
from dpm_flower.studies.trials.days import Days
from tests.training.toys import CPU

SMALL = Days(count=4, images=240, warm_up=100, public=60, peer=80, alpha=0.3, least=20)


@pytest.fixture(scope="module")
def data():
    return load("digits", 12)


def divided(days, data, folder, seed=0):
    return days.divided(data, Ground(data="digits", seed=seed, folder=folder, common=folder, compute=CPU, report=silent))


def mix(images):
    return torch.bincount(images.labels, minlength=images.classes).double() / len(images)


def test_every_image_has_one_part_at_most_and_parts_are_as_large_as_they_were_wanted(data, tmp_path):
    stream = divided(SMALL, data, tmp_path)
    assert (len(stream.warm_up), len(stream.public), len(stream.peer)) == (100, 60, 80)
    assert len(stream.days) == 4
    assert sum(map(len, stream.days)) == 240
    assert min(map(len, stream.days)) >= 20
    parts = (stream.warm_up, stream.public, stream.peer, *stream.days)
    together = torch.cat([part.images for part in parts]).flatten(1)
    known = {bytes(row) for row in data.train.images.flatten(1).numpy()}
    rows = [bytes(row) for row in together.numpy()]
    assert set(rows) <= known
    assert len(set(rows)) == len(rows)
    assert stream.test is data.test


def test_days_differ_in_their_classes_and_the_less_so_the_greater_alpha_and_other_parts_do_not(data, tmp_path):
    whole, distances = mix(data.train), []
    for alpha in (0.1, 100.0):
        stream = divided(replace(SMALL, alpha=alpha), data, tmp_path)
        distances.append(sum(float((mix(day) - whole).abs().sum()) for day in stream.days))
        assert all(float((mix(part) - whole).abs().sum()) < 0.1 for part in (stream.warm_up, stream.public, stream.peer))
    assert distances[0] > 3 * distances[1]


def test_the_seed_decides(data, tmp_path):
    one, same, other = (divided(SMALL, data, tmp_path, seed) for seed in (0, 0, 1))
    assert all(torch.equal(a.images, b.images) for a, b in zip(one.days, same.days, strict=True))
    assert not torch.equal(one.warm_up.images, other.warm_up.images)


def test_what_cannot_be_divided_is_refused(data, tmp_path):
    with pytest.raises(SettingError, match="training images in all"):
        divided(replace(SMALL, images=5000), data, tmp_path)
    with pytest.raises(PartitionError, match="at least 80"):
        divided(replace(SMALL, alpha=0.01, least=80), data, tmp_path)
    for knobs in ({"count": 1}, {"peer": 1}, {"images": 0}):
        with pytest.raises(SettingError, match="at least 2 days"):
            replace(SMALL, **knobs)
