from dataclasses import replace

import numpy as np
import pytest

from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import silent
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.nets.pevit import VitSize
from dpm_flower.studies.trials.encrypted import Divided
from dpm_flower.studies.trials.encrypted_attack import Attacking
from tests.training.toys import CPU, pictures

FEW = Fitting(steps=5, learning_rate=1e-3, batch_size=16, weight_decay=0.0)
JIGSAW = Attacking(name="jigsaw", method=ShuffledImages(patch=6), attack=Jigsaw(), divided=Divided(side=24), judged=40, shown=3)
DECRYPTOR = replace(JIGSAW, attack=TransformerDecryptor(size=VitSize(12, 1, 2), fitting=FEW))
SHARPER = replace(JIGSAW, method=MixedImages(patch=6), attack=SuperResolution(fitting=FEW))
SCORES = {f"{score}{of}" for score in ("ssim", "windowed_ssim", "structure") for of in ("", "_released", "_label")}
PUZZLE = {"patch_accuracy", "neighbour_accuracy", "patch_accuracy_chance", "neighbour_accuracy_chance"}


def run(folder, trial, data="digits"):
    return trial.run(Ground(data=data, seed=0, folder=folder, common=folder, compute=CPU, report=silent))


@pytest.mark.parametrize("trial", [JIGSAW, DECRYPTOR, SHARPER], ids=["jigsaw", "decryptor", "super-resolution"])
def test_guesses_are_scored_beside_the_release_and_the_label_and_puzzles_beside_chance(tmp_path, trial):
    found = run(tmp_path, trial)
    assert set(found.figures) == SCORES | (set() if trial is SHARPER else PUZZLE)
    assert set(found.pictures) == {"original", "released", trial.attack.name}
    assert all(images.shape == (3, 3, 24, 24) for images in found.pictures.values())


def test_the_jigsaw_solver_succeeds_where_chance_does_not(tmp_path):
    made, file = pictures(80, side=32), tmp_path / "pictures.npz"
    images = as_bytes(made.images).permute(0, 2, 3, 1).numpy()
    numbers = made.labels.numpy()
    np.savez(file, x_train=images[:60], y_train=numbers[:60], x_test=images[60:], y_test=numbers[60:])
    figures = run(tmp_path, replace(JIGSAW, method=ShuffledImages(patch=8), divided=Divided(side=32)), str(file)).figures
    assert figures["patch_accuracy_chance"] == 1 / 16
    assert figures["patch_accuracy"] > 0.6
    assert figures["neighbour_accuracy"] > 0.6
    assert figures["ssim"] > figures["ssim_released"] + 0.2


def test_knobs_that_cannot_work_are_refused():
    assert isinstance(JIGSAW, Trial)
    with pytest.raises(SettingError, match="wanted an attack, got 'jigsaw'"):
        replace(JIGSAW, attack="jigsaw")
    for knobs in ({"judged": 0}, {"shown": 0}):
        with pytest.raises(SettingError, match="at least 1 image judged"):
            replace(JIGSAW, **knobs)
