from dpm_flower.core.sweep import Sweep
from dpm_flower.studies.sweep_results import WAITING, Variant, sweep_results, variant_of
from tests.studies.hand_made import STUDY

SWEEP = Sweep(name="mine", variants=(("one", STUDY), ("two", STUDY), ("three", STUDY)))


def test_variants_stand_in_the_sweeps_order_and_those_to_come_wait(results):
    found = {"three": Variant(label="three", reason="no memory", failed=True), "one": variant_of("one", results)}
    laid = sweep_results(SWEEP, found)
    assert [variant.label for variant in laid.variants] == ["one", "two", "three"]
    assert [variant.reason for variant in laid.variants] == ["", WAITING, "no memory"]
    assert laid.failed == ("three",)  # waiting is no failure
    assert laid.arms == results.arms
