import random

from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes


def test_results_do_not_depend_on_the_order_of_arrival(results):
    shuffled = outcomes()
    random.Random(1).shuffle(shuffled)
    assert results_of(STUDY, shuffled, FACTS) == results


def test_the_gain_of_an_arm_is_found_by_name(results):
    assert results.gain("poisoned") == results.gains[0]
    assert results.gain("own data") is None
