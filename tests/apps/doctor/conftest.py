"""A site in which nothing is wrong, for each test to break; and deadlines that hold on a busy machine too."""

from pathlib import Path

import pytest

from dpm_flower.apps.doctor import peers, ports, superlink
from tests.apps.doctor.world import World, copied, made


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (peers, ports, superlink):
        monkeypatch.setattr(module, "DEADLINE_S", 60.0)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made(tmp_path_factory.mktemp("consortium"))


@pytest.fixture
def world(founded: World, tmp_path: Path) -> World:
    return copied(founded, tmp_path)
