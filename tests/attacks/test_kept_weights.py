import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dpm_flower.attacks.kept_weights import CHECKPOINT, WEIGHTS, trained_once
from dpm_flower.core.errors import OutputError, TrainingError
from tests.training.toys import classifier, equal, state_of


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
    trained_once(first, tmp_path, train)
    assert given == [tmp_path / CHECKPOINT]
    train, given = with_ones(second)
    trained_once(second, tmp_path, train)
    assert given == []
    assert equal(state_of(first), state_of(second))


def test_a_trained_attacker_is_frozen(tmp_path):
    for _ in range(2):
        module = classifier(0)
        trained_once(module, tmp_path, with_ones(module)[0])
        assert not any(parameter.requires_grad for parameter in module.parameters())
        assert not any(part.training for part in module.modules())


def test_a_training_that_failed_keeps_nothing(tmp_path):
    def fails(checkpoint):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        trained_once(classifier(0), tmp_path, fails)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", [None, {"weight": torch.ones(2)}, state_of(nn.Linear(3, 3))])
def test_weights_that_do_not_fit_are_refused_with_their_path(state, tmp_path):
    if state is None:
        (tmp_path / WEIGHTS).write_bytes(b"no tensors at all")
    else:
        save_file(state, tmp_path / WEIGHTS)
    before = state_of(module := classifier(0))
    with pytest.raises(TrainingError, match=str(tmp_path / WEIGHTS)):
        trained_once(module, tmp_path, with_ones(module)[0])
    assert equal(state_of(module), before)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    module = classifier(0)
    with pytest.raises(OutputError, match="cannot write"):
        trained_once(module, tmp_path / "file", with_ones(module)[0])
