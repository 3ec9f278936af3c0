import pytest
import torch

from dpm_flower.federation import peak_memory
from dpm_flower.federation.peak_memory import MEMORY, forget_peak, peak_cost

BLOCK_BYTES = 64 << 20

counted = pytest.mark.skipif(not (forget_peak() and peak_cost()), reason="Linux counts it, where it may be told to begin anew")


def touch():
    return torch.ones(BLOCK_BYTES, dtype=torch.uint8).sum()


@counted
def test_what_was_held_for_a_moment_counts():
    forget_peak()
    before = peak_cost()[MEMORY]
    touch()
    assert peak_cost()[MEMORY] >= before + 0.9 * BLOCK_BYTES


@counted
def test_what_was_held_before_does_not_count():
    touch()
    with_block = peak_cost()[MEMORY]
    forget_peak()
    assert peak_cost()[MEMORY] <= with_block - 0.5 * BLOCK_BYTES


def test_where_nobody_counts_there_is_no_cost(tmp_path, monkeypatch):
    monkeypatch.setattr(peak_memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(peak_memory, "RESET", tmp_path / "none" / "here")
    assert not forget_peak()
    assert peak_cost() == {}
