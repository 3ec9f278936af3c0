"""A store is probed with an object, of which nothing is left."""

import threading

import pytest

from dpm_flower.apps.doctor import store
from dpm_flower.apps.doctor.store import STORE, store_findings
from dpm_flower.core.errors import OutputError
from dpm_flower.exchange.object_store import ObjectStore
from tests.apps.doctor.world import World


def _stored(world: World) -> World:
    world.change(('certificate = "a.crt"', f'certificate = "a.crt"\nstore = "file://{world.folder}/objects"'))
    (world.folder / "objects").mkdir()
    return world


def test_without_a_store_there_is_nothing_to_probe(world: World) -> None:
    assert world.found(store_findings)[STORE].mark == "ok"


def test_a_store_that_writes_reads_and_deletes_is_good_and_left_as_it_was(world: World) -> None:
    kept = _stored(world).folder / "objects" / "of-somebody"
    kept.touch()
    found = world.found(store_findings)[STORE]
    assert found.mark == "ok", found
    assert list((world.folder / "objects").rglob("*")) == [kept]


def test_every_step_was_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for name in ("put", "open", "delete"):
        real = getattr(ObjectStore, name)
        monkeypatch.setattr(ObjectStore, name, lambda *given, name=name, real=real: (steps.append(name), real(*given))[1])
    _stored(world).found(store_findings)
    assert steps == ["put", "open", "delete"]


def test_a_store_that_gives_back_other_bytes_is_wrong_and_cleaned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ObjectStore, "open", lambda *_: iter([b"other"]))
    found = _stored(world).found(store_findings)[STORE]
    assert (found.mark, "gave back other bytes" in found.found) == ("wrong", True)
    assert list((world.folder / "objects").rglob("*")) == []


@pytest.mark.parametrize("step", ["put", "delete"])
def test_a_step_that_fails_is_told_in_the_stores_words(world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OutputError(f"no right to {step}")

    monkeypatch.setattr(ObjectStore, step, refuse)
    found = _stored(world).found(store_findings)[STORE]
    assert (found.mark, found.found) == ("wrong", f"no right to {step}")


def test_a_file_in_the_place_of_a_folder_is_wrong(world: World) -> None:
    _stored(world)
    (world.folder / "objects").rmdir()
    (world.folder / "objects").touch()
    assert world.found(store_findings)[STORE].mark == "wrong"


def test_a_store_that_hangs_costs_its_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(store, "DEADLINE_S", 0.2)
    monkeypatch.setattr(store, "trouble", lambda _: str(over.wait(60)))
    found = _stored(world).found(store_findings)[STORE]
    over.set()
    assert (found.mark, "did not answer within 0.2 s" in found.found) == ("wrong", True)
