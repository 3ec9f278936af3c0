"""The paper's collaboration with networks that have hardly begun to learn: every row has its figures, every gain its references."""

from dataclasses import replace

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.arms import RECEIVED
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.studies import run as study_run
from dpm_flower.studies.cells import receivers_of
from dpm_flower.studies.results_files import read_results
from dpm_flower.studies.rows import MEAN
from simulations import table5

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)


def small(arm):
    rounds = {"rounds": 2} if arm.averaged_rounds else {}
    method = {"method": replace(arm.method, blocks=1, fitting=FEW)} if isinstance(getattr(arm, "method", None), DeepPoisoning) else {}
    return replace(arm, **rounds, **method)


STUDY = replace(
    table5.STUDY,
    data="digits",
    side=12,
    partition=replace(table5.STUDY.partition, entities=(("a", 0.05), ("b", 0.05), ("c", 0.05), ("d", 0.02)), public=0.05, validation=0.2),
    arms=tuple(map(small, table5.STUDY.arms)),
    seeds=(0,),
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    augment="none",
    pictures=1,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_run, "write_report", lambda *_: None)  # charts take longer than all of the training
        patch.setattr(study_run, "write_figures", lambda *_: ())
        assert run("tests.simulations.test_table5:STUDY", "", "", folder, in_process=True, cpus_per_client=1) == 0
    return read_results(folder)


def test_every_row_has_its_figures(results):
    assert results.arms == (RECEIVED, *(arm.name for arm in table5.STUDY.arms))
    for arm in results.arms:
        entities = [row.entity for row in results.rows if row.arm == arm]
        receivers = receivers_of(STUDY, arm)
        assert entities == ([*receivers, MEAN] if len(receivers) > 1 else list(receivers))
    for row in results.rows:
        assert row.missing == ()
        assert 0 <= row.figures["top1"].mean <= 1
        assert 0 <= row.figures["validation_top1"].mean <= 1


def test_every_arm_that_shares_is_measured_by_references(results):
    """Values are left to studies of which something is learnt: here raw features gain nothing, and that is what is said."""
    shares = [arm for arm in STUDY.arms if not isinstance(getattr(arm, "method", None), Nothing)]
    gains = {gain.arm: gain for gain in results.gains}
    references = {"5 all raw images", "6 F(a)+F(b)", "c, d: own+F(a,b)", "own+F(all others)"}
    assert set(gains) == {arm.name for arm in shares} - references
    for name, gain in gains.items():
        assert gain.raw_gain is not None, (name, gain.reason)
        assert gain.receivers == receivers_of(STUDY, name)


def test_what_is_fetched_is_what_the_senders_named_in_the_row_sent(results):
    rows = {row.arm: row for row in results.rows}  # of each arm the last: the mean, or the only receiver
    down = {arm: row.figures["cost_bytes_fetched"].mean for arm, row in rows.items() if arm != RECEIVED}
    up = {arm: row.figures["cost_bytes_sent"].mean for arm, row in rows.items() if arm != RECEIVED}
    nothing = {arm.name for arm in STUDY.arms if isinstance(getattr(arm, "method", None), Nothing)}
    assert {arm for arm, size in down.items() if size == 0} == nothing
    assert down["7 F(a)+P(b)"] == up["7 F(a)+P(b)"]
    assert down["9 c: own+P(a,b)"] == down["11 d: own+P(a,b)"] == 2 * up["9 c: own+P(a,b)"]
    assert down["12 d: own+P(a,b,c)"] == pytest.approx(3 * up["12 d: own+P(a,b,c)"])
    assert down["own+P(all others)"] == pytest.approx(3 * up["own+P(all others)"])  # means over all of whom each has three peers
    assert down["13-16 shared decider"] > down["own+P(all others)"]  # and the averages
    assert down["FedAvg, network"] == up["FedAvg, network"] > up["FedAvg, decider"]


def test_the_rows_are_the_papers():
    rows = {name.split()[0]: table5.STUDY.arm(name) for name in (arm.name for arm in table5.STUDY.arms)}
    assert rows["1-4"].refine == rows["5"].refine == "network"
    assert isinstance(rows["5"].method, RawImages)
    named = {number: (rows[number].senders, rows[number].receivers) for number in ("6", "7", "8", "9", "10", "11", "12")}
    assert named == {
        "6": (("a", "b"), ("a", "b")),
        "7": (("b",), ("a",)),
        "8": (("a",), ("b",)),
        "9": (("a", "b"), ("c",)),
        "10": (("a", "b", "d"), ("c",)),
        "11": (("a", "b"), ("d",)),
        "12": (("a", "b", "c"), ("d",)),
    }
