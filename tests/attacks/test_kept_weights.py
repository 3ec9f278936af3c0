import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dpm_flower.attacks.kept_weights import CHECKPOINT, WEIGHTS, trained_once
from dpm_flower.core.alone import LOCK_NAME
from dpm_flower.core.errors import OutputError, TrainingError
from tests.training.toys import CPU, classifier, equal, state_of


def with_ones(module):
    """-> a training that sets all weights to one, and the checkpoints that it was given."""
    given = []

    def train(checkpoint):
        given.append(checkpoint)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(1)

    return train, given


def test_what_was_trained_once_is_read_the_second_time(tmp_path):
    first, second = classifier(0), classifier(1)
    train, given = with_ones(first)
    trained_once(first, tmp_path, train, CPU)
    assert given == [tmp_path / CHECKPOINT]
    train, given = with_ones(second)
    trained_once(second, tmp_path, train, CPU)
    assert given == []
    assert equal(state_of(first), state_of(second))


def test_a_trained_attacker_is_frozen(tmp_path):
    for _ in range(2):
        module = classifier(0)
        trained_once(module, tmp_path, with_ones(module)[0], CPU)
        assert not any(parameter.requires_grad for parameter in module.parameters())
        assert not any(part.training for part in module.modules())


def test_a_training_that_failed_keeps_nothing(tmp_path):
    def fails(checkpoint):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        trained_once(classifier(0), tmp_path, fails, CPU)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


TRAIN = """
import sys
from pathlib import Path
import torch
from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.compute import Compute

module, folder, number = torch.nn.Linear(2, 2), Path(sys.argv[1]), sys.argv[2]

def train(checkpoint):
    checkpoint.touch()
    print("training", flush=True)
    sys.stdin.read()
    torch.nn.init.constant_(module.weight, float(number))
    checkpoint.unlink()

trained_once(module, folder, train, Compute.choose("cpu"))
print(float(module.weight[0, 0]), flush=True)
"""


def test_of_two_processes_one_trains_and_the_other_waits_for_its_weights(tmp_path):
    def asking(number):
        return subprocess.Popen([sys.executable, "-c", TRAIN, str(tmp_path), number], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    with asking("1") as first:
        assert first.stdout.readline() == b"training\n"
        waiting = nn.Linear(2, 2)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(trained_once, waiting, tmp_path, with_ones(waiting)[0], CPU)
            with pytest.raises(TimeoutError):
                asked.result(timeout=0.2)
            assert (tmp_path / CHECKPOINT).exists()
            first.stdin.close()
            asked.result(timeout=10)
        assert first.stdout.readline() == b"1.0\n"
    assert float(waiting.weight[0, 0]) == 1.0
    assert {path.name for path in tmp_path.iterdir()} == {LOCK_NAME, WEIGHTS}


def test_a_process_that_is_killed_while_it_trains_lets_the_next_one_train(tmp_path):
    with subprocess.Popen([sys.executable, "-c", TRAIN, str(tmp_path), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"training\n"
        first.kill()
    train, given = with_ones(module := classifier(0))
    trained_once(module, tmp_path, train, CPU)
    assert given == [tmp_path / CHECKPOINT]


@pytest.mark.parametrize("state", [None, {"weight": torch.ones(2)}, state_of(nn.Linear(3, 3))])
def test_weights_that_do_not_fit_are_refused_with_their_path(state, tmp_path):
    if state is None:
        (tmp_path / WEIGHTS).write_bytes(b"no tensors at all")
    else:
        save_file(state, tmp_path / WEIGHTS)
    before = state_of(module := classifier(0))
    with pytest.raises(TrainingError, match=str(tmp_path / WEIGHTS)):
        trained_once(module, tmp_path, with_ones(module)[0], CPU)
    assert equal(state_of(module), before)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    module = classifier(0)
    with pytest.raises(OutputError, match="cannot write"):
        trained_once(module, tmp_path / "file", with_ones(module)[0], CPU)
