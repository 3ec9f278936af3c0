"""The comparison with DeepObfuscator, hardly trained: every row comes, with the figures that its table needs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.streams import stream
from dpm_flower.data import attributed
from dpm_flower.nets.feature_classifier import PUBLISHED
from dpm_flower.nets.obfuscator import PUBLISHED_WIDTH
from dpm_flower.studies.trials.attribute_scene import AttributeTask, Scene
from dpm_flower.studies.trials.protections import NoProtection, Obfuscated, Poisoned
from simulations import table4
from tests.data.celeba_files import written
from tests.studies.trials.faces import FEW, TASK, archive, brief, ground
from tests.training.faces import faces

ROWS = {trial.name: trial for trial in table4.COMPARISON.trials}
PUBLISHED_NAMES = [f"attribute{number}" for number in range(40)]  # as many as CelebA has


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table4")
    data = archive(folder / "faces.npz")
    return {name: small(trial).run(replace(ground(data, folder), folder=folder / name)).figures for name, trial in ROWS.items()}


def small(trial, task=TASK):
    """The same row, hardly trained."""
    return replace(trial, task=task, pairs=8, tuning=FEW, protection=brief(trial.protection), shown=1)


def test_every_row_comes_and_every_column_is_a_figure_of_all_that_have_a_secret(figures):
    keys = {column.key for column in table4.COMPARISON.columns if not column.key.startswith("recovered")}  # nothing was learnt yet
    assert list(figures) == list(ROWS)
    for name, found in figures.items():
        missing = keys - set(found)
        assert not missing if ROWS[name].protection.is_secret else all("A2" in key or "A3" in key for key in missing)


def test_rows_differ(figures):
    for key in ("utility_map", "ssim_A4"):
        assert len({found[key] for found in figures.values()}) == len(ROWS), key


def test_the_rows_are_none_the_obfuscator_and_three_modules_each_with_one_thing_more():
    protections = [trial.protection for trial in table4.COMPARISON.trials]
    assert [type(each) for each in protections] == [NoProtection, Obfuscated, Poisoned, Poisoned, Poisoned]
    plain, adapting, hiding = (each.method for each in protections[2:])
    assert plain.equivalence == "labels"
    assert plain.adversaries is plain.privacy is adapting.privacy is None
    assert adapting == replace(plain, adversaries=adapting.adversaries)
    assert hiding == replace(adapting, privacy=hiding.privacy)
    assert adapting.adversaries is not None
    assert hiding.privacy is not None
    assert len({trial.task for trial in table4.COMPARISON.trials}) == 1
    assert protections[1].obfuscation.privacy is not None


def published(folder):
    """Faces with 40 attributes, as CelebA's publishers have them and in an archive -> torchvision's class, how a study names both, the test
    images' attributes.

    The pictures are higher than wide, the three parts take turns, and the archive has the valid part behind the training images.
    """
    squares, parts = as_bytes(faces(60).images), np.arange(60) * 7 % 10 % 3
    values = torch.randint(2, (60, len(PUBLISHED_NAMES)), generator=stream(0, "values")).numpy()
    high = functional.pad(squares, (0, 0, 2, 2), value=99).permute(0, 2, 3, 1).numpy()
    signed = {name: (2 * values[:, column] - 1).tolist() for column, name in enumerate(PUBLISHED_NAMES)}
    kind = written(folder, [Image.fromarray(each) for each in high], parts.tolist(), signed)
    rows = {"train": np.concatenate([np.flatnonzero(parts == part) for part in (0, 1)]), "test": np.flatnonzero(parts == 2)}
    members = {f"x_{part}": squares.permute(0, 2, 3, 1).numpy()[chosen] for part, chosen in rows.items()}
    members |= {f"attr_{part}": values[chosen] for part, chosen in rows.items()}
    np.savez(folder / "same.npz", attr_names=np.array(PUBLISHED_NAMES), **members)
    return kind, (f"celeba:{folder}", str(folder / "same.npz")), torch.from_numpy(members["attr_test"])


def test_celeba_in_its_publishers_files_gives_what_an_archive_of_the_same_images_gives(tmp_path, monkeypatch):
    """Of its attributes the first 20 are the task and the others private, as the publishers have them in order."""
    kind, sources, values = published(tmp_path)
    monkeypatch.setattr(attributed, "CelebA", kind)
    row = small(ROWS["DPM, adversaries, privacy term"], replace(TASK, utility=ROWS["none"].task.utility))
    celeba, same = (row.run(ground(data, tmp_path / str(number))) for number, data in enumerate(sources))
    assert celeba.figures == same.figures
    assert torch.equal(celeba.pictures["images"], same.pictures["images"])
    scene = Scene.of(row.task, ground(sources[0], tmp_path / "0"))
    assert [len(part) for part in (scene.own, scene.public, scene.test)] == [21, 21, 18]
    assert torch.equal(scene.useful(scene.test), values[:, :20])
    assert torch.equal(scene.private(scene.test), values[:, 20:])
    for figure, names in (("utility_ap", PUBLISHED_NAMES[:20]), ("privacy_ap_A0", PUBLISHED_NAMES[20:])):
        assert [key.removeprefix(f"{figure}.") for key in celeba.figures if key.startswith(f"{figure}.")] == names


def test_the_published_size_is_a_value_of_the_knobs():
    task = replace(ROWS["none"].task, width=PUBLISHED_WIDTH, convolutions=PUBLISHED)
    assert isinstance(task, AttributeTask)
    assert (task.width, task.convolutions, task.utility) == (64, (3, 3, 3), 20)
