"""Flower and Ray get an environment of their own."""

import os
import socket
from pathlib import Path

import pytest

from dpm_flower.apps.flower_environment import environment, free_ports


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
