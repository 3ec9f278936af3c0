from dataclasses import replace

import pytest
import torch

from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.progress import silent
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.nets.pevit import VitSize
from dpm_flower.studies.trials.encrypted import Divided, Recognising, released_by
from dpm_flower.training.vision_transformer import DEIT
from tests.training.toys import CPU

SMALL = Recognising(
    name="one",
    method=None,
    positions="learned",
    patch=4,
    size=VitSize(12, 1, 2),
    divided=Divided(side=12),
    fitting=replace(DEIT, steps=6, batch_size=16, learning_rate=5e-3),
)
SHUFFLED, MIXED = ShuffledImages(patch=4), MixedImages(patch=4)


def ground(folder):
    return Ground(data="digits", seed=0, folder=folder, common=folder, compute=CPU, report=silent)


def test_each_way_of_releasing_and_of_placing_gives_another_network(tmp_path):
    trials = [
        SMALL,
        replace(SMALL, method=SHUFFLED, positions="none"),
        replace(SMALL, method=SHUFFLED, positions="reference"),
        replace(SMALL, method=MIXED),
    ]
    found = [trial.run(ground(tmp_path)).figures for trial in trials]
    assert all(0 < figures["top1"] <= 1 for figures in found)
    assert len({figures["parameters"] for figures in found}) == 3
    assert SMALL.run(ground(tmp_path)).figures == found[0]
    assert not list(tmp_path.iterdir())  # a finished training leaves no checkpoint


def test_without_positions_it_makes_no_difference_that_test_images_are_shuffled(tmp_path, monkeypatch):
    trial = replace(SMALL, method=SHUFFLED, positions="none")
    shuffled = trial.run(ground(tmp_path)).figures["top1"]
    through = lambda encryption, images, *rest: images if rest[1] == "test release" else released_by(encryption, images, *rest)  # noqa: E731
    monkeypatch.setattr("dpm_flower.studies.trials.encrypted.released_by", through)
    assert trial.run(ground(tmp_path)).figures["top1"] == pytest.approx(shuffled, abs=0.005)


def test_the_attacker_s_images_are_not_among_those_released_and_all_trials_release_the_same(tmp_path):
    data, released, own = SMALL.divided.of(ground(tmp_path))
    assert len(released) + len(own) == len(data.train)
    assert len(own) == round(0.25 * len(data.train))
    both = torch.cat([released.images, own.images]).flatten(1)
    assert len(both.unique(dim=0)) == len(data.train.images.flatten(1).unique(dim=0))
    one, other = (released_by(SHUFFLED.encryption, released.images[:9], ground(tmp_path), "release") for _ in range(2))
    assert one.dtype == torch.uint8
    assert torch.equal(one, other)
    assert not torch.equal(one, released.images[:9])
    assert torch.equal(released_by(None, released.images[:9], ground(tmp_path), "release"), released.images[:9])


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"method": ShuffledImages(patch=6)}, "patches that were encrypted, of 6 pixels, got tokens of 4"),
        ({"size": "huge"}, "got 'huge'"),
    ],
)
def test_knobs_that_cannot_work_are_refused(knobs, reason):
    assert isinstance(SMALL, Trial)
    with pytest.raises(SettingError, match=reason):
        replace(SMALL, **knobs)
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(SettingError, match=r"lies in \(0, 1\)"):
            Divided(attacker=share)
