"""Flower and Ray get an environment of their own."""

import os
import socket
import threading
from pathlib import Path

import pytest

from dpm_flower.apps.flower_environment import environment, free_ports, wait_until_free
from dpm_flower.core.errors import StudyError


def test_foreign_settings_of_flower_and_ray_do_not_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FLWR_LOG_LEVEL": "DEBUG", "RAY_ADDRESS": "10.0.0.1:6379", "RAY_TMPDIR": "/x", "OTHER": "kept"}.items():
        monkeypatch.setenv(name, value)
    env = environment(Path("/venv/bin"), Path("/home"), 1, 2)
    assert "FLWR_LOG_LEVEL" not in env
    assert "RAY_TMPDIR" not in env
    assert env["RAY_ADDRESS"] == "local"
    assert env["OTHER"] == "kept"
    assert env["FLWR_HOME"] == "/home"
    assert env["FLWR_LOCAL_SUPERLINK_HTTP_API_PORT"] == "1"


def test_our_interpreters_folder_comes_first_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"/usr/bin{os.pathsep}/bin")
    assert environment(Path("/venv/bin"), Path("/home"), 1, 2)["PATH"] == os.pathsep.join(["/venv/bin", "/usr/bin", "/bin"])


def test_the_loopback_interface_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intern")
    assert environment(Path("/venv/bin"), Path("/home"), 1, 2)["NO_PROXY"] == "intern,127.0.0.1,localhost"


def test_free_ports_differ_and_can_be_bound() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_port_that_somebody_keeps_is_named_and_one_that_was_let_go_is_free_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StudyError, match=f"port {port} is taken"):
            wait_until_free([*free_ports(1), port], within_s=0.3)
        with socket.create_connection(("127.0.0.1", port)) as client:
            taken.accept()[0].close()  # the end that closes first stays in TIME_WAIT for a minute
            client.recv(1)
        waiting = threading.Thread(target=wait_until_free, args=([port],))
        waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()
