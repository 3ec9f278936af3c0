import io

import pytest
from rich.console import Console

from dpm_flower.studies.sweep_table import sweep_lines, sweep_table
from dpm_flower.studies.wording import gain_kept_text
from tests.studies.sweeps import hand_swept


def printed(results, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False, color_system=None)
    console.print(sweep_table(results, width))
    return console.file.getvalue()


def test_each_variant_and_arm_has_one_line_and_one_without_figures_its_reason(results):
    lines = sweep_lines(hand_swept(results))
    assert [(line.label, line.arm) for line in lines[: len(results.arms)]] == [("alpha-1", arm) for arm in results.arms]
    assert len(lines) == 2 * len(results.arms) + 2
    assert lines[-2].note == "broken failed: QuorumError: <nobody> was there"
    assert lines[-1].note == "later left out: no data"


def test_figures_are_those_of_the_mean_or_of_the_only_receiver(results):
    texts = {(line.label, line.arm): line.texts for line in sweep_lines(hand_swept(results))}
    assert texts["alpha-1", "poisoned"] == ("78.0 ± 1.0", "0.70 → 0.10", gain_kept_text(results.gain("poisoned")))
    assert texts["alpha-0.1", "poisoned"][0] == "39.0 ± 0.5"
    assert texts["alpha-1", "poisoned, c only"][0] == "76.0 ± 1.0"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_reasons_stand_below(holed, width):
    text = printed(hand_swept(holed), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    flat = " ".join(text.split())
    assert "broken failed: QuorumError: <nobody> was there" in flat
    assert "alpha-1, FedAvg: seeds 0, 2: no top-1 of c, so no mean" in flat
    assert ("No room" in flat) == (width == 60)


def test_a_label_is_named_once(results):
    first = [line.split()[0] for line in printed(hand_swept(results), 120).splitlines() if line.strip()]
    assert first.count("alpha-1") == first.count("alpha-0.1") == 1
