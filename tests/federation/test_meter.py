"""What a message costs counts from the meter's start, and nothing that came before it."""

import time
from pathlib import Path

import pytest

from dpm_flower.federation import peak_memory
from dpm_flower.federation.meter import Meter
from dpm_flower.federation.peak_memory import MEMORY, forget_peak, peak_cost

counted = pytest.mark.skipif(not (forget_peak() and peak_cost()), reason="Linux counts it, where it may be told to begin anew")


def test_seconds_count_from_the_start() -> None:
    meter = Meter.start()
    time.sleep(0.02)
    first = meter.seconds["seconds"]
    assert 0.02 <= first <= meter.seconds["seconds"] < 10


@counted
def test_memory_is_what_was_resident_since_the_start() -> None:
    assert Meter.start().memory[MEMORY] > 1 << 20


def test_a_peak_that_cannot_be_forgotten_is_nobodys_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be that of the process's whole life, labelled as this message's."""
    monkeypatch.setattr(peak_memory, "RESET", tmp_path / "no" / "such")
    assert Meter.start().memory == {}
