import pytest

from dpm_flower.metrics.spread import Spread
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.wording import NONE, before_after, duration, gain_kept_text, mean_only, percent, with_spread


def test_spreads_in_words():
    assert with_spread(Spread(81.26, 0.44, 3)) == "81.3 ± 0.4"
    assert with_spread(Spread(81.26, None, 1)) == "81.3"
    assert mean_only(Spread(2.504, 0.3, 3), 2) == "2.50"
    assert before_after(Spread(0.673, None, 1), Spread(0.007, None, 1), 3) == "0.673 → 0.007"
    assert before_after(None, Spread(0.007, None, 1), 3) == f"{NONE} → 0.007"
    assert with_spread(None) == mean_only(None) == before_after(None, None, 1) == percent(None) == NONE


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (None, "reference"),
        (ArmGain(arm="x", reason="no reference arm"), "not measurable"),
        (ArmGain(arm="x", value=0.8, low=0.72, high=0.871), "80 % [72, 87]"),
        (ArmGain(arm="x", value=0.8), "80 % [−∞, ∞]"),
    ],
)
def test_gains_in_words(gain, words):
    assert gain_kept_text(gain) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (59.7, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
