"""Who is there when a run begins: the nodes that Flower knows -> the entities they stand for, and how much each has."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from flwr.app import Message
from flwr.serverapp import Grid

from dpm_flower.core.errors import PeerError, QuorumError
from dpm_flower.core.study import Study
from dpm_flower.federation import wire
from dpm_flower.federation.judged_on import JudgedOn, read_judged_on
from dpm_flower.federation.replies import POLL_S
from dpm_flower.federation.resending import ask
from dpm_flower.federation.returning import awaited
from dpm_flower.federation.strategy import quorum_of
from dpm_flower.federation.wire import Reply, Request, read_reply, request_records

log = logging.getLogger("flwr")

CONNECT_S = 60.0  # how long nodes may take to come up


@dataclass(frozen=True, slots=True)
class Present:
    """The node of each entity that is there, and by seed how many images each of them has: a partition may deal anew for each.

    `judged_apart` says what those are judged on that bring images of their own, the same ones under every seed. `deployed` says that
    at least one node has a site file, also one that contradicts itself or another: then nothing here is a simulation.
    """

    nodes: Mapping[str, int]
    images: Mapping[int, Mapping[str, int]]
    judged_apart: Mapping[str, JudgedOn] = field(default_factory=dict)
    deployed: bool = False


def who_is_there(study: Study, grid: Grid, campaigns: Mapping[int, str]) -> Present:
    """Node ids are random per run: each node says which entity it is, and what it has under each seed, in one batch of messages.

    `campaigns` are the identifiers of the campaigns by seed: a site whose own images are no longer those of its campaign is not there.
    Raises QuorumError where too few of the study's entities are there, PeerError where Flower cannot be reached.
    """
    node_ids = _connected(study, grid)
    told, reasons = _answers(study, grid, campaigns, node_ids)
    claimed: dict[str, list[int]] = {}
    for node, replies in told.items():
        names = sorted({reply.entity for reply in replies.values()})
        if len(replies) == len(study.seeds) and len(names) == 1:
            claimed.setdefault(names[0], []).append(node)
        else:
            reasons.append((node, f"answered {len(replies)} of {len(study.seeds)} questions, as {', '.join(names)}"))
    for name in [name for name, claims in claimed.items() if len(claims) > 1]:  # nobody can tell which of them it is
        reasons += [(node, f"several nodes say that they are {name!r}") for node in claimed.pop(name)]
    for node, reason in reasons:
        log.warning("node %d: %s", node, reason)
    if len(claimed) < (wanted := quorum_of(study)):
        heard = "".join(sorted({f"; {reason}" for _, reason in reasons}))
        raise QuorumError(
            f"wanted at least {wanted} of {len(study.partition.names)} entities, got {len(claimed)} of {len(node_ids)} nodes{heard}"
        )
    nodes = {name: claims[0] for name, claims in sorted(claimed.items())}
    images = {seed: {name: told[node][seed].images for name, node in nodes.items()} for seed in study.seeds}
    judged = {name: read_judged_on(told[node][study.seeds[0]].quality) for name, node in nodes.items()}
    deployed = any(reply.deployed for replies in told.values() for reply in replies.values())
    return Present(nodes, images, {name: test for name, test in judged.items() if test is not None}, deployed)


def _answers(
    study: Study, grid: Grid, campaigns: Mapping[int, str], node_ids: list[int]
) -> tuple[dict[int, dict[int, Reply]], list[tuple[int, str]]]:
    """By node and seed what was answered, and (node, reason) of the answers that cannot be used."""
    asks = [
        Message(request_records(Request(campaign=campaigns[seed], seed=seed)), node, wire.IDENTIFY, group_id=str(seed))
        for seed in study.seeds  # outermost: a process divides the images once for each seed
        for node in node_ids
    ]
    told: dict[int, dict[int, Reply]] = {}
    reasons: list[tuple[int, str]] = []
    for message in ask(grid, asks, study.phase_timeout_s * len(study.seeds)):
        node = message.metadata.src_node_id
        try:
            reply = read_reply(message)
            if reply.entity not in study.partition.names:
                raise PeerError(f"no entity of this study is called {reply.entity!r}")
            if reply.images < 1:
                raise PeerError(f"wanted an entity with images, got {reply.entity} with {reply.images}")
            read_judged_on(reply.quality)
        except PeerError as err:
            reasons.append((node, str(err)))
            continue
        told.setdefault(node, {})[int(message.metadata.group_id)] = reply
    return told, reasons


def _connected(study: Study, grid: Grid) -> list[int]:
    """The ids of all nodes once there is one per entity, or of those that are there when the wait is over.

    Raises PeerError where Flower keeps failing to say who is there; once is no more than a moment in which nobody was seen.
    """
    until = time.monotonic() + min(CONNECT_S, study.phase_timeout_s)
    return sorted(awaited(grid, lambda there: len(there) >= len(study.partition.names), until, POLL_S))
