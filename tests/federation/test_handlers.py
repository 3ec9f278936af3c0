"""The client app's answers to single requests, and above all what it refuses to do."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from flwr.app import Message
from torch import Tensor

from dpm_flower.apps.client import app
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import PeerError
from dpm_flower.core.streams import stream
from dpm_flower.federation import handlers, wire
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.opening import division_of, find_study
from dpm_flower.federation.wire import Reply, Request
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.networks_statement import NetworksStatement, seal_networks
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.receive import Away, Refusal
from tests.small_study import STUDY


@pytest.fixture
def grid(tmp_path: Path) -> InProcessGrid:
    Consortium(tmp_path).found(STUDY.partition.names)
    config = {"study": "tests.small_study", "output": str(tmp_path)}
    return InProcessGrid(app, [{"partition-id": number} for number in range(3)], config)


def _answer(grid: InProcessGrid, action: str, node: int = 0, **request: object) -> Reply:
    asked = Request(campaign="campaign", **request)  # type: ignore[arg-type]
    (message,) = grid.send_and_receive([Message(wire.request_records(asked), list(grid.get_node_ids())[node], action)])
    return wire.read_reply(message)


def _networks(**change: Tensor) -> Mapping[str, Tensor]:
    return PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, 10, stream(0, "test")).frozen().tensors() | change


def test_every_node_says_who_it_is_and_how_much_it_has(grid: InProcessGrid) -> None:
    told = [_answer(grid, wire.IDENTIFY, node) for node in range(3)]
    assert [reply.entity for reply in told] == ["a", "b", "c"]
    assert told[0].images > told[1].images > told[2].images > 0


DEALT = """
from dataclasses import replace
from dpm_flower.core.partition import Dealt, Dirichlet
from tests.small_study import STUDY as SHARED
PARTITION = Dealt(names=("a", "b", "c"), deal=Dirichlet(alpha=0.3), private=0.3, validation=0.2)
STUDY = replace(SHARED, seeds=(0, 1, 2), partition=PARTITION)
"""


def test_the_images_are_those_under_the_seed_that_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "dealt_for_identify.py").write_text(DEALT)
    config = {"study": "dealt_for_identify", "output": str(tmp_path)}
    grid = InProcessGrid(app, [{"partition-id": number} for number in range(3)], config)
    partition = find_study("dealt_for_identify").partition
    largest = set()
    for seed in range(3):
        told = {reply.entity: reply.images for reply in (_answer(grid, wire.IDENTIFY, node, seed=seed) for node in range(3))}
        held = division_of("digits", STUDY.side, partition, seed).entities
        assert told == {name: len(held[name].train) + len(held[name].validation) for name in "abc"}
        largest.add(max(told, key=told.__getitem__))
    assert len(largest) > 1  # else one seed's answer would do for all


def _vouched(folder: Path, tensors: Mapping[str, Tensor], lead: str = "a", campaign: str = "campaign") -> tuple[tuple[str, str]]:
    """A lead's word for networks, as it would stand in the request."""
    identity = Identity.open(Consortium(folder).site(lead).identity)
    digest = tensors_digest(tensors)
    statement = NetworksStatement(campaign=campaign, seed=0, lead=lead, digest=digest, made_at=int(time.time()))
    return ((lead, seal_networks(identity.signing, statement).to_bytes().decode()),)


def _adopt(grid: InProcessGrid, folder: Path, node: int = 0) -> Reply:
    return _answer(grid, wire.ADOPT, node, tensors=_networks(), claims=_vouched(folder, _networks()))


def test_networks_are_adopted_and_evaluated_as_received(grid: InProcessGrid, tmp_path: Path) -> None:
    reply = _adopt(grid, tmp_path)
    assert 0 <= reply.quality["top1"] <= 1
    assert reply.quality["top1"] == pytest.approx(float(reply.tensors["correct"].float().mean()))
    assert list(tmp_path.glob("sites/a/campaign/nets*"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_networks_with_values_that_are_not_finite_are_not_adopted(value: float, grid: InProcessGrid, tmp_path: Path) -> None:
    name = "decider.head.bias"
    networks = _networks(**{name: torch.full_like(_networks()[name], value)})
    with pytest.raises(PeerError, match="wanted finite values"):
        _answer(grid, wire.ADOPT, tensors=networks, claims=_vouched(tmp_path, networks))
    assert not list(tmp_path.glob("sites/a/campaign/nets*"))


def test_networks_that_are_not_the_ones_their_lead_vouched_for_are_not_adopted(grid: InProcessGrid, tmp_path: Path) -> None:
    """Above all a reconstructor that was swapped on the way, which would make every audit look better than it is."""
    claims, name = _vouched(tmp_path, _networks()), next(name for name in _networks() if name.startswith("reconstructor."))
    for tensors, said, told in (
        (_networks(**{name: _networks()[name] + 1}), claims, "wanted networks of digest"),
        (_networks(), _vouched(tmp_path, _networks(), campaign="other"), "wanted networks of campaign"),
        (_networks(), (("b", claims[0][1]),), "not one of this signer"),
        (_networks(), (), "word of one lead"),
        (_networks(), (("a", ""),), "not JSON"),
    ):
        with pytest.raises(PeerError, match=told):
            _answer(grid, wire.ADOPT, tensors=tensors, claims=said)
    assert not list(tmp_path.glob("sites/a/campaign/nets*"))


@pytest.mark.parametrize("action", [wire.CONTRIBUTE, wire.REFINE, wire.REFINE_SHARED, wire.EVALUATE])
def test_nothing_is_done_without_adopted_networks(action: str, grid: InProcessGrid) -> None:
    with pytest.raises(PeerError, match="adopted no networks"):
        _answer(grid, action, arm="own + poisoned", method=1)


@pytest.mark.parametrize(
    ("action", "arm", "told"),
    [
        (wire.REFINE, "FedAvg", "wanted a sharing arm, got 'FedAvg'"),
        (wire.REFINE_SHARED, "FedProx", "wanted a sharing arm"),
        (wire.REFINE, "no such arm", "has no arm 'no such arm'"),
    ],
)
def test_an_arm_of_another_kind_is_refused(action: str, arm: str, told: str, grid: InProcessGrid) -> None:
    with pytest.raises(PeerError, match=told):
        _answer(grid, action, arm=arm)


def test_an_averaging_of_a_sharing_arm_is_refused(grid: InProcessGrid) -> None:
    config = wire.averaging_config("campaign", 0, "own only", 0)
    config["server-round"] = 1
    records = wire.request_records(Request(campaign="campaign", tensors={}))
    records["config"] = config
    (message,) = grid.send_and_receive([Message(records, next(iter(grid.get_node_ids())), "train")])
    with pytest.raises(PeerError, match="wanted an averaging arm"):
        wire.read_reply(message)


def test_an_evaluation_of_what_was_never_refined_is_refused(grid: InProcessGrid, tmp_path: Path) -> None:
    _adopt(grid, tmp_path)
    with pytest.raises(PeerError, match="No such file"):
        _answer(grid, wire.EVALUATE, arm="own only")


def test_weights_of_another_decider_are_refused(grid: InProcessGrid, tmp_path: Path) -> None:
    _adopt(grid, tmp_path)
    with pytest.raises(PeerError, match=r"(Missing|Unexpected) key|size mismatch"):
        _answer(grid, wire.EVALUATE, arm="shared decider", tensors={"head.bias": torch.zeros(3)})


FETCH_S = 0.3


@pytest.mark.parametrize(
    ("action", "arm"), [(wire.REFINE, "own only"), (wire.REFINE, "all raw images"), (wire.REFINE_SHARED, "shared decider")]
)
def test_the_seconds_of_every_arm_include_fetching(
    action: str, arm: str, grid: InProcessGrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def slow(*_: object, **__: object) -> tuple[tuple[str, str], ...]:
        time.sleep(FETCH_S)
        return ()

    monkeypatch.setattr(handlers, "receive", slow)
    _adopt(grid, tmp_path)
    started = time.perf_counter()
    decider = {name.removeprefix("decider."): tensor for name, tensor in _networks().items() if name.startswith("decider.")}
    reply = _answer(grid, action, arm=arm, round=1, rounds=2, tensors=decider if action == wire.REFINE_SHARED else {})
    assert FETCH_S <= reply.costs["seconds"] <= time.perf_counter() - started


@pytest.mark.parametrize(("action", "arm"), [(wire.REFINE, "own only"), (wire.REFINE_SHARED, "shared decider")])
def test_who_was_merely_away_is_named(action: str, arm: str, grid: InProcessGrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(handlers, "receive", lambda *_, **__: (Away("b", "no answer"), Refusal("c", "expired")))
    _adopt(grid, tmp_path)
    decider = {name.removeprefix("decider."): tensor for name, tensor in _networks().items() if name.startswith("decider.")}
    reply = _answer(grid, action, arm=arm, round=1, rounds=2, tensors=decider if action == wire.REFINE_SHARED else {})
    assert (reply.refused, reply.away) == ((("b", "no answer"), ("c", "expired")), ("b",))


def test_a_release_is_made_once_and_then_told_from_record(grid: InProcessGrid, tmp_path: Path) -> None:
    """Else an entity that is asked again, since its answer was lost, would publish twice under one number."""
    _adopt(grid, tmp_path)
    first = _answer(grid, wire.CONTRIBUTE, method=2)
    releases = tmp_path / "sites" / "a" / "pool" / "releases"
    files = {path: path.stat().st_mtime_ns for path in releases.rglob("*") if path.is_file()}
    again = _answer(grid, wire.CONTRIBUTE, method=2)
    assert again.envelope == first.envelope != ""
    assert again.quality == first.quality
    assert {path: path.stat().st_mtime_ns for path in releases.rglob("*") if path.is_file()} == files != {}


def test_a_claim_that_is_not_what_its_sender_published_is_refused_and_costs_nothing_else(grid: InProcessGrid, tmp_path: Path) -> None:
    for node in range(2):
        _adopt(grid, tmp_path, node)
    good = _answer(grid, wire.CONTRIBUTE, 1, method=1).envelope
    reply = _answer(grid, wire.REFINE, 0, arm="own + raw features", claims=(("b", good), ("c", "no envelope")))
    ((sender, reason),) = reply.refused
    assert sender == "c"
    assert reason
    with pytest.raises(PeerError, match=r"no release of a peer could be used: c: signed by the key .* not one of this signer"):
        _answer(grid, wire.REFINE, 0, arm="own + raw features", claims=(("c", good),))  # b's, in c's name
