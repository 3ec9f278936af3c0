import importlib.metadata

import pytest

from dpm_flower.apps.doctor import versions
from dpm_flower.apps.doctor.versions import VERSIONS, outside, version_findings
from tests.apps.doctor.world import World

REQUIRES = ["flwr[simulation]<1.42,>=1.41", "torch<3,>=2.14", 'pytest<10; extra == "dev"', 'other>=5; python_version < "3"']
THERE = {"flwr": "1.41.0", "torch": "2.14.1+cpu"}


def test_this_environment_is_the_one_it_asks_for(world: World) -> None:
    found = world.found(version_findings)[VERSIONS]
    assert found.mark == "ok"
    assert all(name in found.found for name in ("Python 3.", "dpm-flower ", "flwr ", "torch ", "grpcio ", "cryptography "))


@pytest.mark.parametrize(
    ("python", "there", "wrong"),
    [
        ("3.11.9", {}, []),
        ("3.10.1", {}, ["wanted Python <3.14,>=3.11, got 3.10.1"]),
        ("3.14.0", {}, ["wanted Python <3.14,>=3.11, got 3.14.0"]),
        ("3.13.0", {"flwr": "1.42.0"}, ["wanted flwr <1.42,>=1.41, got 1.42.0"]),
        ("3.13.0", {"flwr": None, "torch": "2.13.9"}, ["wanted flwr <1.42,>=1.41, got none", "wanted torch <3,>=2.14, got 2.13.9"]),
    ],
)
def test_what_lies_outside_its_range_is_named(python: str, there: dict[str, str | None], wrong: list[str]) -> None:
    assert outside("<3.14,>=3.11", REQUIRES, python, (THERE | there).get) == wrong


def test_what_lies_outside_is_wrong(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "version_of", {"torch": "1.0"}.get)
    found = world.found(version_findings)[VERSIONS]
    assert (found.mark, "got 1.0" in found.found, "pip install" in found.remedy) == ("wrong", True, True)


def test_a_package_that_is_not_installed_says_nothing_of_what_it_needs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.importlib.metadata, "metadata", none)
    assert world.found(version_findings)[VERSIONS].mark == "wrong"
