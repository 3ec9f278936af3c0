import socket

import pytest

from dpm_flower.apps.doctor import ports
from dpm_flower.apps.doctor.ports import CLIENT_APP, EXCHANGE, port_findings, trouble
from dpm_flower.payload.identity import TLS_NAME
from tests.apps.doctor.world import World


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_free_ports_are_found_free_and_stay_so(world: World) -> None:
    found = world.found(port_findings)
    assert [found[check].mark for check in (EXCHANGE, CLIENT_APP)] == ["ok", "ok"]
    with socket.create_server(("127.0.0.1", world.port)):
        pass


def test_a_port_that_somebody_has_is_wrong(world: World, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "DEADLINE_S", 0.2)  # whoever has it is silent
    world.change(("127.0.0.1:0", f"127.0.0.1:{taken}"), (f"client_app_port = {world.port}", f"client_app_port = {taken}"))
    found = world.found(port_findings)
    assert [found[check].found for check in (EXCHANGE, CLIENT_APP)] == [f"127.0.0.1:{taken} is taken by somebody else"] * 2
    assert found[EXCHANGE].remedy.startswith(f"see by whom: ss -ltnp 'sport = :{taken}'; or write another listen")


def test_a_port_that_the_own_exchange_has_is_wrong_and_said_to_be_its_own(world: World, taken: int) -> None:
    with world.exchange("a", world.roster()) as address:
        world.change(("127.0.0.1:0", address), (f"client_app_port = {world.port}", f"client_app_port = {taken}"))
        found = world.found(port_findings)
        assert [found[check].mark for check in (EXCHANGE, CLIENT_APP)] == ["wrong", "wrong"]
        assert all("taken: this site runs already" in one.found for one in found.values())
        (world.folder / "a" / TLS_NAME).unlink()  # without a key of its own it cannot tell
        assert world.found(port_findings)[EXCHANGE].found.endswith("taken by somebody else")


def test_a_peers_exchange_on_the_port_is_somebody_else(world: World) -> None:
    with world.exchange("b", world.roster()) as address:
        world.change(("127.0.0.1:0", address))
        assert world.found(port_findings)[EXCHANGE].found.endswith("taken by somebody else")


def test_all_addresses_of_the_machine_include_loopback(taken: int) -> None:
    assert trouble(f"0.0.0.0:{taken}") == "taken"
    assert trouble("0.0.0.0:0") == ""


def test_addresses_of_other_machines_are_wrong(world: World) -> None:
    world.change(("127.0.0.1:0", "192.0.2.77:8443"))
    found = world.found(port_findings)[EXCHANGE]
    assert (found.mark, "nothing can listen on 192.0.2.77:8443" in found.found) == ("wrong", True)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_client_app_port_that_is_none_is_wrong(world: World, port: int) -> None:
    world.change((f"client_app_port = {world.port}", f"client_app_port = {port}"))
    assert world.found(port_findings)[CLIENT_APP].mark == "wrong"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "[::]"])
def test_one_port_for_both_is_wrong(world: World, host: str) -> None:
    world.change(("127.0.0.1:0", f"{host}:{world.port}"))
    assert "the exchange's port, too" in world.found(port_findings)[CLIENT_APP].found
