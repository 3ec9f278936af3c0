"""From a node's context to what its entity works with; whatever is missing is refused by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from flwr.app import Context, RecordDict

from dpm_flower.core.classification import AnchorLoss
from dpm_flower.core.errors import OutputError, PolicyError, ReleaseError, SettingError, ShapeError, StudyError, TrainingError
from dpm_flower.core.progress import Progress
from dpm_flower.core.streams import stream
from dpm_flower.federation.opening import (
    ProgressFile,
    changed,
    entity_name,
    find_experiment,
    find_study,
    nets_from,
    open_nets,
    open_task,
    output_of,
    study_of,
)
from dpm_flower.nets.anchor_head import AnchorHead, head_for
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.checkpoint import write_tensors
from tests.small_comparison import COMPARISON
from tests.small_study import STUDY
from tests.small_sweep import SWEEP


def _context(output: object, node: dict[str, object] | None = None, **config: object) -> Context:
    run_config = {"study": "tests.small_study:STUDY", "data": "", "seeds": "", "output": str(output)} | config
    return Context(1, 2, node if node is not None else {"partition-id": 1, "num-partitions": 3}, RecordDict(), run_config)  # type: ignore[arg-type]


@pytest.fixture
def task(tmp_path: Path) -> EntityTask:
    return open_task(_context(tmp_path), "campaign", 0, "arm")


def test_a_study_is_found_by_its_name() -> None:
    assert find_study("tests.small_study") is find_study("tests.small_study:STUDY") is STUDY


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "wanted a study as"),
        ("no.such.module", "No module named"),
        ("tests.small_study:OTHER", "OTHER"),
        ("tests.small_study:FEW", "is of type Fitting, not a Study"),
        ("..relative", "wanted a study as"),
    ],
)
def test_what_is_no_study_is_refused(name: str, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        find_study(name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("STUDY = (", "SyntaxError"),
        ("STUDY = undefined", "NameError"),
        ("import sys; sys.path['x']", "TypeError"),
        (
            "from dpm_flower.core.arms import SharingArm\nSTUDY = SharingArm(name='x', method=object())",
            "cannot be: arm 'x' needs a sharing method",
        ),
    ],
)
def test_a_study_that_cannot_be_imported_is_refused(text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"written_{tmp_path.name}"  # modules are imported once per name
    (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(StudyError, match=told):
        find_study(name)


def test_a_sweep_is_found_by_its_name_and_its_studies_by_their_labels() -> None:
    assert find_experiment("tests.small_sweep") is find_experiment("tests.small_sweep:SWEEP") is SWEEP
    assert find_study("tests.small_sweep:SWEEP/two") is SWEEP.study("two")
    assert find_experiment("tests.small_study") is STUDY
    assert find_experiment("tests.small_comparison") is find_experiment("tests.small_comparison:COMPARISON") is COMPARISON


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tests.small_sweep", "one of its studies is tests.small_sweep:SWEEP/one"),
        ("tests.small_sweep:SWEEP", "one of its studies is tests.small_sweep:SWEEP/one"),
        ("tests.small_sweep:SWEEP/three", "has no variant 'three'; it has one, two"),
        ("tests.small_comparison", "is a comparison, which has no entities"),
        ("tests.small_comparison:COMPARISON/one", "is of type Comparison, not a Sweep"),
        ("tests.small_study:STUDY/one", "is of type Study, not a Sweep"),
        ("tests.small_study:FEW", "is of type Fitting, not a Study, a Sweep or a Comparison"),
    ],
)
def test_what_is_no_single_study_is_refused(name: str, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        find_study(name)


def test_a_file_with_a_study_and_a_sweep_must_be_told_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "has_both.py").write_text("from tests.small_study import STUDY\nfrom tests.small_sweep import SWEEP\n")
    with pytest.raises(StudyError, match="name one, has_both:STUDY or :SWEEP"):
        find_experiment("has_both")
    assert find_experiment("has_both:SWEEP") is SWEEP


def test_data_and_seeds_of_the_run_config_come_before_the_studys_own() -> None:
    config = {"study": "tests.small_study", "data": "/elsewhere.npz", "seeds": "3, 1 2"}
    assert study_of(config) == replace(STUDY, data="/elsewhere.npz", seeds=(3, 1, 2))
    assert study_of({"study": "tests.small_study"}) == STUDY
    assert study_of({"study": "tests.small_sweep:WITH_PATHS/second", "data": "a.npz,b.npz"}).data == "b.npz"


@pytest.mark.parametrize("seeds", ["one", "1.5", "1;2"])
def test_seeds_that_are_no_numbers_are_refused(seeds: str) -> None:
    with pytest.raises(StudyError, match="whole numbers"):
        study_of({"study": "tests.small_study", "seeds": seeds})
    with pytest.raises(SettingError, match="each once"):
        study_of({"study": "tests.small_study", "seeds": "1,1"})


@pytest.mark.parametrize("output", ["", "runs/here", "."])
def test_an_output_that_is_not_absolute_is_refused(output: str) -> None:
    with pytest.raises(StudyError, match="absolute output folder"):
        output_of({"output": output})
    with pytest.raises(StudyError, match="absolute output folder"):
        output_of({})


def test_an_entity_gets_its_own_part_and_its_own_folder(tmp_path: Path) -> None:
    tasks = {name: open_task(_context(tmp_path, {"partition-id": number}), "c", 0, "") for number, name in enumerate("abc")}
    for name, each in tasks.items():
        assert each.entity == name
        assert each.site.folder == tmp_path / "sites" / name
        assert each.site.folder.stat().st_mode & 0o077 == 0  # nobody else's business
    assert len(tasks["a"].train) > len(tasks["c"].train)
    assert torch.equal(tasks["a"].test.images, tasks["b"].test.images)


def test_the_attackers_of_a_simulated_entity_own_what_the_largest_other_trains_on(tmp_path: Path) -> None:
    a, b = (open_task(_context(tmp_path, {"partition-id": number}), "c", 0, "") for number in (0, 1))
    assert a.peer is not None
    assert b.peer is not None
    assert torch.equal(a.peer.images, b.train.images)
    assert torch.equal(b.peer.images, a.train.images)
    assert torch.equal(b.peer.labels, a.train.labels)


def _site(folder: Path, entity: str, studies: str = f'["{STUDY.name}"]') -> dict[str, object]:
    """The config of a deployed node, whose site file is written below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = {
        "identity": 'folder = "identity"',
        "trust": 'roster = "roster.toml"\nlock = "roster.lock"\nca = "ca.crt"',
        "exchange": 'listen = "127.0.0.1:0"\ncertificate = "tls.crt"',
        "flower": 'superlink = "127.0.0.1:1"\nroot_certificates = "superlink.crt"',
        "policy": f"studies = {studies}",
    }
    text = f'entity = "{entity}"\nfolder = "store"\n' + "".join(f"[{name}]\n{content}\n" for name, content in sections.items())
    (folder / "site.toml").write_text(text)
    return {"site": str(folder / "site.toml")}


def test_a_deployed_node_is_who_its_site_file_says_and_has_the_folder_that_it_names(tmp_path: Path) -> None:
    task = open_task(_context(tmp_path / "not-here", _site(tmp_path, "c")), "c", 0, "")
    assert (task.entity, task.site.folder) == ("c", tmp_path / "store")
    assert task.policy is not None
    assert task.peer is None  # a site has nobody else's images
    assert task.site.folder.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "not-here").exists()


def test_a_site_does_not_open_its_images_to_a_study_that_its_policy_does_not_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="allows the studies"):
        open_task(_context(tmp_path, _site(tmp_path, "c", studies="[]")), "c", 0, "")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["d", "", "../a", "/a", "a/../../b"])
def test_a_node_with_a_name_that_no_entity_has_is_refused_and_makes_no_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"wanted a node that stands for one of a, b, c, got "):
        open_task(_context(tmp_path / "runs" / "here", _site(tmp_path, name)), "c", 0, "")
    assert entity_name(STUDY, _context(tmp_path, _site(tmp_path / "c", "c"))) == "c"
    assert not (tmp_path / "store").exists()


def test_a_deployed_node_has_a_secret_of_its_own_and_a_simulated_one_has_none(tmp_path: Path) -> None:
    deployed = [open_task(_context(tmp_path, _site(tmp_path / run, "b")), "c", 0, "").secret for run in ("one", "one", "two")]
    assert deployed[0] == deployed[1] != deployed[2]
    assert len(deployed[0]) == 64
    simulated = open_task(_context(tmp_path / "one", {"partition-id": 1}), "c", 0, "")
    assert simulated.secret == ""


@pytest.mark.parametrize("node", [{}, {"partition-id": 3}, {"partition-id": -1}, {"partition-id": "0"}])
def test_a_node_that_stands_for_nobody_is_refused(node: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="3 entities"):
        open_task(_context(tmp_path, node), "c", 0, "")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sites").touch()
    with pytest.raises(OutputError, match="entity b"):
        open_task(_context(tmp_path), "c", 0, "")


def test_progress_is_one_line_of_json_each_and_a_full_disk_costs_the_line_only(task: EntityTask, tmp_path: Path) -> None:
    progress = Progress("dpm", 1, 4, 1, 2, 0.5)
    task.report(progress)
    task.report(progress)
    lines = [json.loads(line) for line in task.site.progress.read_text().splitlines()]
    wanted = {"entity": "b", "seed": 0, "arm": "arm", "work": "dpm", "step": 1, "steps": 4, "epoch": 1, "epochs": 2, "loss": 0.5}
    assert lines == [wanted, wanted]
    ProgressFile(tmp_path / "no" / "folder", "b", 0, "arm")(progress)


def _nets(seed: int) -> PublicNets:
    return PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, 10, stream(seed, "test")).frozen()


def test_networks_that_nobody_adopted_are_refused(task: EntityTask) -> None:
    with pytest.raises(TrainingError, match="entity b has adopted no networks in campaign campaign"):
        open_nets(task)
    task.site.nets(task.campaign).parent.mkdir(parents=True)
    task.site.nets(task.campaign).write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match="has adopted no networks"):
        open_nets(task)


def test_adopted_networks_are_opened_once_and_anew_when_they_change(task: EntityTask) -> None:
    first, second = _nets(1), _nets(2)
    write_tensors(task.site.nets(task.campaign), first.tensors())
    opened = open_nets(task)
    assert open_nets(task) is opened
    assert opened.digest() == first.digest()
    write_tensors(task.site.nets(task.campaign), second.tensors())
    assert open_nets(task).digest() == second.digest()


def test_changed_networks_are_a_copy(task: EntityTask) -> None:
    nets = _nets(1)
    digest, name = nets.digest(), next(name for name in nets.tensors() if name.startswith("decider."))
    other = changed(nets, {name: nets.tensors()[name] + 1})
    assert torch.equal(other.tensors()[name], nets.tensors()[name] + 1)
    assert nets.digest() == digest != other.digest()


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ReleaseError), (float("inf"), ReleaseError), (None, ShapeError)])
def test_networks_that_do_not_fit_are_refused(value: float | None, error: type[Exception], task: EntityTask) -> None:
    tensors = _nets(1).tensors()
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = torch.zeros(1, 2, 3) if value is None else torch.full_like(tensors[name], value)
    with pytest.raises(error):
        nets_from(task.study, 10, task.compute, tensors)


def test_anchors_are_those_that_were_sent(task: EntityTask) -> None:
    study = replace(STUDY, loss=AnchorLoss(distance="cosine", scale=16.0))
    made = PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, 10, stream(3), head_for(study.loss, stream(3)))
    head = nets_from(study, 10, task.compute, made.tensors()).decider.head
    assert isinstance(head, AnchorHead)
    assert torch.equal(head.anchors, made.tensors()["decider.head.anchors"])
    assert (head.distance, head.scale) == ("cosine", 16.0)
    with pytest.raises(ReleaseError, match=r"wanted a tensor 'decider\.head\.anchors'"):
        nets_from(study, 10, task.compute, _nets(1).tensors())
