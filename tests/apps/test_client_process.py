"""The bundle is compared byte by byte with what the site allows; nothing of it is ever imported."""

import inspect
import io
import logging
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest
from flwr.app import Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity
from flwr.supernode.runtime import run_clientapp

from dpm_flower.apps import client_process
from dpm_flower.apps.bundle import bundle_digest
from dpm_flower.apps.client import app
from dpm_flower.apps.deployment import Deployment, site_text
from dpm_flower.core.errors import PolicyError


@pytest.fixture
def process(monkeypatch):
    """The module of Flower's client process, as it was again after the test."""
    for name in client_process.REPLACED:
        monkeypatch.setattr(run_clientapp, name, getattr(run_clientapp, name))
    return run_clientapp


def bundle(marker) -> bytes:
    """A bundle whose every module leaves a mark when it is imported."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in ("dpm_flower/__init__.py", "dpm_flower/apps/client.py"):
            file.writestr(name, f"open({str(marker)!r}, 'w')\n")
    return stream.getvalue()


def test_an_allowed_bundle_lets_the_installed_app_answer(process, tmp_path):
    content = bundle(tmp_path / "mark")
    client_process.allow_only(lambda: (bundle_digest(content),))
    process.install_from_fab(content, skip_prompt=True)
    assert process.get_load_client_app_fn(default_app_ref="", app_path=None, multi_app=True)("id", "1.0", "hash") is app
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("position", [0, 40, -1])
def test_one_changed_byte_is_refused_before_anything_is_imported(process, position, tmp_path):
    content = bytearray(bundle(tmp_path / "mark"))
    allowed = (bundle_digest(bytes(content)),)
    client_process.allow_only(lambda: allowed)
    content[position] ^= 1
    with pytest.raises(PolicyError, match=bundle_digest(bytes(content))):
        process.install_from_fab(bytes(content), skip_prompt=True)
    assert not (tmp_path / "mark").exists()


def test_by_default_no_bundle_is_allowed(process, tmp_path):
    client_process.allow_only(lambda: ())
    with pytest.raises(PolicyError, match="allows the bundles"):
        process.install_from_fab(bundle(tmp_path / "mark"), skip_prompt=True)


def test_flowers_process_installs_before_it_loads_and_touches_the_bundle_nowhere_else():
    source = inspect.getsource(run_clientapp.run_clientapp)
    install, load = source.index("install_from_fab(fab.content"), source.index("load_client_app_fn(\n")
    assert install < load
    assert source.count("fab.content") == 1


def test_before_its_first_sign_of_life_a_process_imports_no_torch():
    """Flower waits 30 s for that, and torch from a cold disk may take as long."""
    told = "import sys, dpm_flower.apps.client_process; print(sorted({'torch', 'torchvision', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_flowers_process_gives_its_first_sign_of_life_before_it_asks_for_the_app():
    source = inspect.getsource(run_clientapp.run_clientapp)
    assert source.index("heartbeat_sender.start()") < source.index("install_from_fab(fab.content") < source.index("load_client_app_fn(\n")


BROKEN = {
    "no TOML": 'folder = "/mnt/secret-ward\nentity',
    "an unknown key": 'folder = "/mnt/secret-ward"\nsecret-ward = 1',
    "a value of another type": 'entity = "a"\nfolder = "/mnt/x"\nidentity = "/mnt/secret-ward"',
    "none": None,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_of_a_site_file_that_cannot_be_read_the_superlink_hears_nothing_and_the_own_log_all(process, broken, tmp_path, monkeypatch, caplog):
    """Flower's own process, from the bundle to its answer."""
    site = tmp_path / "secret-ward.toml"
    if BROKEN[broken] is not None:
        site.write_text(BROKEN[broken])
    sent, told = [], []
    for name in ("run_id", "node_id", "task_id"):
        monkeypatch.setattr(TaskIdentity, f"_{name}", 1)
    asked = Message(RecordDict(), dst_node_id=1, message_type="query.identify")
    run = SimpleNamespace(fab_id="id", fab_version="1.0", run_id=1)
    monkeypatch.setattr(
        process, "pull_task_input", lambda _: (asked, Context(1, 1, {}, RecordDict(), {}), run, SimpleNamespace(content=b""))
    )
    monkeypatch.setattr(process, "push_message", lambda _, reply, __: sent.append(reply))
    monkeypatch.setattr(process, "push_task_output", lambda **words: told.append(words["details"]))
    monkeypatch.setattr(process, "HeartbeatSender", lambda _: SimpleNamespace(start=lambda: None, stop=lambda: None, is_running=True))
    monkeypatch.setattr(process, "register_signal_handlers", lambda **words: told.extend(words["exit_handlers"]))
    monkeypatch.setattr(process, "flwr_exit", lambda **_: told.pop(0)())
    monkeypatch.setattr(process, "event", lambda *_: None)
    monkeypatch.setattr(logging.getLogger("flwr"), "propagate", True)
    client_process.allow_only(lambda: client_process.allowed_by(site))
    process.run_clientapp("127.0.0.1:1", "token", insecure=True)
    assert [client_process.UNREADABLE in words for words in (sent[0].error.reason, *told)] == [True, True]
    assert not any("secret-ward" in words or str(tmp_path) in words for words in (sent[0].error.reason, *told))
    assert "secret-ward" in caplog.text


def test_a_site_file_says_what_it_allows(tmp_path):
    text = site_text(Deployment.of(tmp_path, "tests.small_deployment:STUDY"), "a", "0" * 64)
    (tmp_path / "site.toml").write_text(text)
    assert client_process.allowed_by(tmp_path / "site.toml") == ("0" * 64,)
