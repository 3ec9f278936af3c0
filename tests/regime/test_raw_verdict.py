import pytest
import torch
from safetensors.torch import load_file, save_file

from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import OutputError, TrainingError
from dpm_flower.core.protocols import Guess
from dpm_flower.regime.raw_verdict import FILE, SCORES, Verdict, judged_once
from tests.training.toys import CPU, pictures, public_nets

TRUTH = pictures(5).images
NETS = public_nets()


def verdict(seed=0):
    guess = (TRUTH + 0.2 * torch.rand(TRUTH.shape, generator=torch.Generator().manual_seed(seed))).clamp(0, 1)
    return Verdict(disclosure(TRUTH, Guess(guess), NETS.featurizer, CPU), guess[:2])


def same(one, other):
    return torch.equal(one.shown, other.shown) and all(
        torch.equal(getattr(one.disclosure, name), getattr(other.disclosure, name)) for name in SCORES
    )


def test_the_first_verdict_stands(tmp_path):
    assert not same(verdict(0), verdict(1))
    assert same(judged_once(tmp_path, lambda: verdict(0)), verdict(0))
    kept = judged_once(tmp_path, lambda: verdict(1))
    assert same(kept, verdict(0))
    assert kept.disclosure.figures("z") == verdict(0).disclosure.figures("z")


def test_a_judgement_that_failed_leaves_nothing(tmp_path):
    def fails():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        judged_once(tmp_path, fails)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_verdict_is_refused_with_its_path(tmp_path):
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match=str(tmp_path / FILE)):
        judged_once(tmp_path, verdict)
    (tmp_path / FILE).unlink()
    judged_once(tmp_path, verdict)
    lacking = {name: tensor for name, tensor in load_file(tmp_path / FILE).items() if name != "l1"}
    save_file(lacking, tmp_path / FILE)
    with pytest.raises(TrainingError, match="'l1'"):
        judged_once(tmp_path, verdict)


def test_a_verdict_of_an_earlier_layout_is_judged_anew(tmp_path):
    """Its scores may have borne the same names and meant something else."""
    judged_once(tmp_path, lambda: verdict(0))
    earlier = load_file(tmp_path / FILE)
    (tmp_path / FILE).unlink()
    save_file(earlier, tmp_path / "raw.safetensors")
    assert same(judged_once(tmp_path, lambda: verdict(1)), verdict(1))
    assert same(judged_once(tmp_path, lambda: verdict(0)), verdict(1))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        judged_once(tmp_path / "file", verdict)
