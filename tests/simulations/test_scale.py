"""The sweep over numbers of entities, with networks that have hardly begun to learn: receivers stay the same, the others only send."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.apps.study_command import run
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.sweep import Sweep
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.division import divide
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies import run as study_run
from dpm_flower.studies.columns import columns_named
from dpm_flower.studies.gains import NO_REFERENCE
from dpm_flower.studies.results_files import read_results
from dpm_flower.studies.rows import summaries
from dpm_flower.studies.wording import NONE
from simulations import scale

FEW = Fitting(steps=2, batch_size=4, learning_rate=1e-3)


def tiny(study):
    """A lead and four or six entities, with 2 % of the private digits each."""
    names = study.partition.names[:7]
    entities = tuple((name, 0.02) for name in names)
    arms = tuple(replace(arm, senders=arm.senders and names[1:]) for arm in study.arms)
    poisoned = tuple(
        replace(arm, method=replace(arm.method, blocks=1, fitting=FEW)) if isinstance(arm.method, DeepPoisoning) else arm for arm in arms
    )
    return replace(
        study,
        data="digits",
        side=12,
        partition=replace(study.partition, entities=entities, public=0.05, validation=0.2),
        arms=poisoned,
        pretrain=FEW,
        reconstruct=FEW,
        refine=FEW,
        augment="none",
        pictures=1,
    )


SWEEP = Sweep(
    name="tiny-scale",
    variants=tuple((label, tiny(scale.SWEEP.study(label))) for label in ("4", "10")),
    columns=scale.SWEEP.columns,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("scale")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_run, "write_report", lambda *_: None)  # charts take longer than all of the training
        patch.setattr(study_run, "write_figures", lambda *_: ())
        assert run("tests.simulations.test_scale:SWEEP", "", "", made, in_process=True, cpus_per_client=1) == 0
    return made


def test_receivers_have_the_same_images_however_many_there_are():
    """In a made set as large as needed for a hundred entities: every image has a content and so an index of its own."""
    numbers = torch.arange(2000)
    images = (
        (numbers.view(-1, 1, 1, 1) // torch.tensor([1, 50, 2500]).view(1, 3, 1, 1) % 50).to(torch.uint8).expand(-1, -1, 2, 2).contiguous()
    )
    train = Labelled(images, numbers % 10, 10)
    dataset = DataSet("made", train, Labelled(255 - images[:20], numbers[:20] % 10, 10), tuple("0123456789"))
    held = []
    for label, study in scale.SWEEP.variants:
        division = divide(dataset, study.partition, 0)
        sizes = {name: len(own.train) + len(own.validation) for name, own in division.entities.indices.items()}
        assert sizes.pop(scale.LEAD) == 100
        assert len(sizes) == int(label)
        assert set(sizes.values()) == {5}  # the same work for all
        receivers = {arm.receivers for arm in study.arms}
        assert receivers == {study.partition.names[1 : 1 + scale.RECEIVERS]}
        held.append({name: division.entities.indices[name] for name in receivers.pop()})
    for other in held[1:]:
        for name, own in held[0].items():
            assert torch.equal(own.train, other[name].train)
            assert torch.equal(own.validation, other[name].validation)


def test_all_but_the_receivers_only_send():
    for label, study in scale.SWEEP.variants:
        assert len(study.partition.names) == int(label) + 1
        for arm in study.arms:
            assert study.lead not in (*arm.senders, *arm.receivers)


@pytest.mark.parametrize("label", SWEEP.labels)
def test_every_arm_has_every_figure_of_its_receivers(folder, label):
    results, senders = read_results(folder / label), len(SWEEP.study(label).partition.names) - 1 - scale.RECEIVERS
    rows = summaries(results.rows)
    for arm in ("own only", "own + raw features", "own + poisoned"):
        figures = rows[arm].figures
        assert rows[arm].missing == ()
        assert {"top1", "cost_seconds", "cost_bytes_fetched", "cost_memory_bytes"} <= set(figures)
        assert ("cost_sender_seconds" in figures) == ("cost_sender_memory_bytes" in figures) == (arm != "own only" and senders > 0)
    for gain in results.gains:
        assert gain.raw_gain is not None
        assert NO_REFERENCE not in gain.reason


def test_more_peers_are_more_to_fetch_and_no_more_to_send(folder):
    few, more = (summaries(read_results(folder / label).rows)["own + raw features"].figures for label in SWEEP.labels)
    assert few["cost_bytes_fetched"].mean == pytest.approx(3 * few["cost_bytes_sent"].mean, rel=0.01)  # they shrink differently
    assert more["cost_bytes_fetched"].mean == pytest.approx(5 * more["cost_bytes_sent"].mean, rel=0.01)
    assert more["cost_bytes_sent"].mean == pytest.approx(few["cost_bytes_sent"].mean, rel=0.01)


def test_the_table_shows_both_costs(folder):
    row = summaries(read_results(folder / "10").rows)["own + poisoned"]
    texts = {column.name: column.text(row, "") for column in columns_named(scale.SWEEP.columns) if column.name != "gain_kept"}
    assert set(texts) >= {"seconds", "memory", "sender_seconds", "sender_memory", "fetched"}
    assert NONE not in texts.values()
