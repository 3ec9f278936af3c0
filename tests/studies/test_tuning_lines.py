from dpm_flower.studies.tuning_lines import CHOSEN, tuning_lines, tuning_sentence
from tests.studies import averaged

(TUNING,) = averaged.results().tunings


def test_validation_and_test_stand_side_by_side_and_one_is_marked():
    lines = tuning_lines(TUNING).lines
    assert [(line.arm, line.validation, line.test) for line in lines] == [
        ("slow", "73.0 ± 1.0", "71.0 ± 1.0"),
        ("fast", "76.0 ± 1.0", "75.0 ± 1.0"),
        ("hasty", "74.0 ± 1.0", "81.0 ± 1.0"),
    ]
    assert [line.arm for line in lines if line.chosen] == ["fast"]


def test_the_sentence_says_what_chose_and_between_how_many():
    sentence = tuning_sentence(TUNING)
    assert sentence.startswith(CHOSEN)
    for words in (
        "FedAvg of the network from the lead's weights",
        "3 settings",
        "choose fast",
        "validation 76.0 ± 1.0 %, test 75.0 ± 1.0 %",
    ):
        assert words in sentence
