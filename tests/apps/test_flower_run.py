"""A toy app through Flower's real simulation: what a completed and a failing run leave behind, and what is refused before."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpm_flower.apps import flower_run
from dpm_flower.apps.flower_run import Programs, Watch, follow, run_through_flower, wait_until_up
from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import OutputError, SettingError, StudyError

MARK = "DPM_FLOWER_TEST_MARK"
PROJECT = """
[project]
name = "toy"
version = "0.1.0"
license = "Apache-2.0"
dependencies = ["flwr"]

[tool.flwr.app]
publisher = "toy"
fab-include = ["toy/**/*.py"]

[tool.flwr.app.components]
serverapp = "toy.server:app"
clientapp = "toy.client:app"

[tool.flwr.app.config]
out = ""
text = ""
share = 0.0
fail = false
"""
SERVER = """
import time
from flwr.app import Message, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()

@app.main()
def main(grid, context):
    if context.run_config["fail"]:
        raise RuntimeError("the toy's 'own' reason")
    while len(nodes := list(grid.get_node_ids())) < 2:
        time.sleep(0.1)
    replies = grid.send_and_receive([Message(RecordDict(), node, "query.who") for node in nodes])
    print("PIDS", sorted(reply.content["who"]["pid"] for reply in replies))
"""
CLIENT = f"""
import json, os
from pathlib import Path
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()

@app.query("who")
def who(message, context):
    seen = {{"config": context.run_config, "mark": os.environ["{MARK}"], "pid": os.getpid(), "node": context.node_config}}
    path = Path(context.run_config["out"]) / f"{{context.node_config['partition-id']}}.json"
    path.write_text(json.dumps(seen))
    return Message(RecordDict({{"who": ConfigRecord({{"pid": os.getpid()}})}}), reply_to=message)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    (folder / "toy").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "toy" / "__init__.py").touch()
    (folder / "toy" / "server.py").write_text(SERVER)
    (folder / "toy" / "client.py").write_text(CLIENT)
    return folder


def _carriers(mark: str) -> list[str]:
    """The command lines of living processes with the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_a_completed_and_a_failing_run(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = os.urandom(16).hex()
    monkeypatch.setenv(MARK, mark)
    config = {"out": str(tmp_path), "text": 'it\'s "odd"\n= é\\', "share": 1e-05, "fail": False}
    cpus = os.cpu_count() or 1  # one client at a time: one process less to start
    lines: list[str] = []
    during: list[int] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line.startswith("PIDS"):
            during.append(len(_carriers(mark)))

    run_through_flower(project, config, 2, cpus, tmp_path / "home", on_line)
    told = [json.loads((tmp_path / f"{number}.json").read_text()) for number in range(2)]
    assert [each["config"] for each in told] == [config, config]
    assert [each["node"] for each in told] == [{"partition-id": number, "num-partitions": 2} for number in range(2)]
    assert f"PIDS {sorted(each['pid'] for each in told)}" in lines
    assert not any("\x1b" in line for line in lines)
    assert during[0] >= 5  # SuperLink, SuperExec, simulation, Ray: the mark reaches them all
    assert {each["mark"] for each in told} == {mark}
    assert _carriers(mark) == []

    with pytest.raises(StudyError, match=r"finished:failed.*the toy's 'own' reason"):
        run_through_flower(project, config | {"fail": True}, 2, cpus, tmp_path / "home", lines.append)
    assert _carriers(mark) == []


def test_a_superlink_that_dies_is_a_named_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\x1b[91mERROR\x1b[0m: no room")
    with subprocess.Popen(["false"]) as superlink:
        superlink.wait()
        watch = Watch(superlink, log)
        with pytest.raises(StudyError, match=r"code 1.*\n.*ERROR: no room"):
            wait_until_up(watch, 9)
        command = [sys.executable, "-c", "import time; time.sleep(300)"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as silent:
            with pytest.raises(StudyError, match="no room"):
                follow(silent, watch, print)
            silent.kill()


def test_a_superlink_that_stays_silent_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flower_run, "START_TIMEOUT_S", 0.3)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as superlink:
        started = time.monotonic()
        with pytest.raises(StudyError, match="did not answer"):
            wait_until_up(Watch(superlink, tmp_path / "log"), 9)
        assert time.monotonic() - started < 5
        superlink.kill()


def test_lines_come_one_by_one_and_the_last_are_kept(tmp_path: Path) -> None:
    script = "for n in range(30): print(f'\\x1b[92mline\\x1b[0m {n}  ')\nprint()"
    lines: list[str] = []
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as running:
        tail = follow(running, Watch(running, tmp_path / "log"), lines.append)
    assert lines == [f"line {number}" for number in range(30)] + [""]
    assert tail == lines[30 - flower_run.CAUSE_LINES : 30]


def test_a_home_in_use_is_refused(project: Path, tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StudyError, match="another run"):
        run_through_flower(project, {}, 2, 1, tmp_path, print)
    assert not (tmp_path / "config.toml").exists()


def test_a_home_that_cannot_be_written_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        run_through_flower(project, {}, 2, 1, tmp_path / "file" / "home", print)


@pytest.mark.parametrize(("nodes", "cpus"), [(0, 1), (2, 0)])
def test_numbers_below_one_are_refused(project: Path, tmp_path: Path, nodes: int, cpus: int) -> None:
    with pytest.raises(SettingError, match="at least 1"):
        run_through_flower(project, {}, nodes, cpus, tmp_path, print)


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"pyproject\.toml"):
        run_through_flower(tmp_path, {}, 2, 1, tmp_path / "home", print)


def test_an_environment_without_flower_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flower_run.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(StudyError, match="flwr beside the interpreter"):
        Programs.beside_interpreter()
