from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import TrainingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.regime import as_received
from dpm_flower.regime.as_received import FOLDER, answers_as_received
from dpm_flower.regime.evaluate import evaluate_as_received, evaluate_decider
from tests.regime.examples import NETS, task
from tests.training.toys import public_nets


@pytest.fixture
def computed(monkeypatch):
    """How often a decider was asked."""
    asked, real = [], as_received.answers_of

    def counting(*arguments):
        asked.append(1)
        return real(*arguments)

    monkeypatch.setattr(as_received, "answers_of", counting)
    return asked


def in_common(folder, name="entity-a"):
    return replace(task(folder / name), common=folder / "common")


def same(first, second):
    return (first.quality, first.correct.tolist()) == (second.quality, second.correct.tolist())


def test_entities_with_a_place_in_common_compute_them_once(tmp_path, computed):
    first = evaluate_as_received(in_common(tmp_path), NETS)
    second = evaluate_as_received(in_common(tmp_path, "entity-b"), NETS)
    assert len(computed) == 1
    assert same(first, second)
    alone = task(tmp_path)
    assert same(first, evaluate_decider(alone, NETS, NETS.decider.state_dict()))
    assert same(first, evaluate_as_received(alone, NETS))


def test_without_such_a_place_nothing_is_kept(tmp_path, computed):
    for _ in range(2):
        answers_as_received(task(tmp_path), NETS)
    assert len(computed) == 2
    assert not list(tmp_path.rglob(FOLDER))


def test_other_networks_images_and_labels_have_answers_of_their_own(tmp_path, computed):
    one = in_common(tmp_path)
    kept = answers_as_received(one, NETS).accuracy.correct
    answers_as_received(one, public_nets(3))
    turned = Labelled(one.test.images, (one.test.labels + 1) % 3, 3)
    assert not torch.equal(answers_as_received(replace(one, test=turned), NETS).accuracy.correct, kept)
    answers_as_received(replace(one, test=Labelled(1 - one.test.images, one.test.labels, 3)), NETS)
    assert len(computed) == 4


def test_a_damaged_file_is_named(tmp_path):
    one = in_common(tmp_path)
    answers_as_received(one, NETS)
    (file,) = (tmp_path / "common" / FOLDER).glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(TrainingError, match=f"{file.name} to the test images are damaged"):
        answers_as_received(one, NETS)
