"""Requests and replies as Flower records and back: the only place that knows record keys."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from torch import Tensor

from dpm_flower.core.errors import PeerError
from dpm_flower.core.shared import ModelUpdate

# actions, as Flower routes them: "<category>.<action>"
IDENTIFY = "query.identify"
PRETRAIN = "train.pretrain"
ADOPT = "train.adopt"
CONTRIBUTE = "train.contribute"
REFINE = "train.refine"
REFINE_SHARED = "train.refine_shared"
EVALUATE = "evaluate.decider"

CONFIG, ARRAYS, QUALITY, COSTS = "config", "arrays", "quality", "costs"

# what networks and answers are made of; the campaign's log and the checks of sums cannot take every type that numpy knows
TYPES = frozenset(map(np.dtype, ("float16", "float32", "float64", "int32", "int64", "uint8", "bool")))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """What the server asks one entity for. `method` is a position among the study's distinct methods, `claims` are (sender, envelope)."""

    campaign: str
    seed: int = 0
    arm: str = ""
    method: int = 0
    round: int = 0
    rounds: int = 0
    claims: tuple[tuple[str, str], ...] = ()
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reply:
    """What one entity answers. `refused` are (sender, reason) of releases that it did not accept, `away` those senders of them
    that merely did not deliver in time, so that it is worth asking again.

    `deployed` says, in the answer to who is there, that the node has a site file: it is no part of a simulation.
    In the log, a round's average is an answer too, of the server; there they are those whose updates did not count in full.
    """

    entity: str
    images: int = 0
    envelope: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    away: tuple[str, ...] = ()
    deployed: bool = False
    quality: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


def request_records(request: Request) -> RecordDict:
    """A request -> records."""
    config = ConfigRecord(
        {
            "campaign": request.campaign,
            "seed": request.seed,
            "arm": request.arm,
            "method": request.method,
            "round": request.round,
            "rounds": request.rounds,
            "senders": [sender for sender, _ in request.claims],
            "envelopes": [envelope for _, envelope in request.claims],
        }
    )
    return RecordDict({CONFIG: config, ARRAYS: arrays_of(request.tensors)})


def read_request(message: Message) -> Request:
    """A message -> the request in it. Raises PeerError where something is missing or of the wrong type."""
    try:
        config = message.content.config_records[CONFIG]
        return Request(
            campaign=_text(config["campaign"]),
            seed=_whole(config["seed"]),
            arm=_text(config["arm"]),
            method=_whole(config["method"]),
            round=_whole(config["round"]),
            rounds=_whole(config["rounds"]),
            claims=tuple(zip(_texts(config["senders"]), _texts(config["envelopes"]), strict=True)),
            tensors=tensors_of(message.content.array_records[ARRAYS]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as err:
        raise PeerError(f"wanted a request of the server app, got one that cannot be read: {err!r}") from err


def seed_of(records: RecordDict) -> int:
    """The seed that a request of any kind is about; 0 where it cannot be read."""
    seed = records.config_records.get(CONFIG, ConfigRecord()).get("seed")
    return seed if isinstance(seed, int) else 0


def reply_message(reply: Reply, request: Message) -> Message:
    """A reply -> the message that answers `request`."""
    config = ConfigRecord(
        {
            "entity": reply.entity,
            "images": reply.images,
            "envelope": reply.envelope,
            "refused": json.dumps(list(reply.refused)),
            "away": list(reply.away),
            "deployed": reply.deployed,
        }
    )
    return Message(
        RecordDict(
            {
                CONFIG: config,
                QUALITY: MetricRecord({name: float(value) for name, value in reply.quality.items()}),
                COSTS: MetricRecord({name: float(value) for name, value in reply.costs.items()}),
                ARRAYS: arrays_of(reply.tensors),
            }
        ),
        reply_to=request,
    )


def read_reply(message: Message) -> Reply:
    """A message -> the reply in it. Raises PeerError for an error reply, and where something is missing or of the wrong type."""
    if message.has_error():
        raise PeerError(last_line(message.error.reason or "the client app failed without a reason"))
    try:
        config = message.content.config_records[CONFIG]
        return Reply(
            entity=_text(config["entity"]),
            images=_whole(config["images"]),
            envelope=_text(config["envelope"]),
            refused=tuple((str(sender), str(reason)) for sender, reason in json.loads(_text(config["refused"]))),
            away=tuple(_texts(config["away"])),
            deployed=_truth(config["deployed"]),
            quality=_figures(message.content.metric_records[QUALITY]),
            costs=_figures(message.content.metric_records[COSTS]),
            tensors=tensors_of(message.content.array_records[ARRAYS]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as err:
        raise PeerError(f"wanted a reply of an entity, got one that cannot be read: {err!r}") from err


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AveragingRequest:
    """What Flower's own FedAvg or FedProx asks one entity for in one round."""

    campaign: str
    seed: int
    arm: str
    round: int
    proximal_mu: float
    tensors: Mapping[str, Tensor]


def averaging_config(campaign: str, seed: int, arm: str, rounds_done: int) -> ConfigRecord:
    """What every message of a federated averaging carries, beside what Flower's strategy adds (server round, proximal term)."""
    return ConfigRecord({"campaign": campaign, "seed": seed, "arm": arm, "rounds-done": rounds_done})


def read_averaging(message: Message) -> AveragingRequest:
    """A training message of Flower's strategies -> the request in it. Raises PeerError where it cannot be read."""
    try:
        config = message.content.config_records[CONFIG]
        mu = config.get("proximal-mu", 0.0)
        if not isinstance(mu, float | int):
            raise TypeError(f"wanted a number as proximal-mu, got {type(mu).__name__}")
        return AveragingRequest(
            campaign=_text(config["campaign"]),
            seed=_whole(config["seed"]),
            arm=_text(config["arm"]),
            round=_whole(config["rounds-done"]) + _whole(config["server-round"]),
            proximal_mu=float(mu),
            tensors=tensors_of(message.content.array_records[ARRAYS]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as err:
        raise PeerError(f"wanted a request of Flower's averaging, got one that cannot be read: {err!r}") from err


def averaging_reply(update: ModelUpdate, costs: Mapping[str, float], request: Message) -> Message:
    """One entity's update -> the message that Flower's strategies average.

    Costs stand apart from the metrics, of which Flower makes a mean: not every machine can count the same ones.
    """
    counted = MetricRecord({"num-examples": update.samples})
    spent = ConfigRecord({name: float(value) for name, value in costs.items()})
    return Message(RecordDict({ARRAYS: arrays_of(update.tensors), QUALITY: counted, COSTS: spent}), reply_to=request)


def averaging_costs(records: RecordDict) -> dict[str, float]:
    """The content of such a message -> its costs; what is no finite number is left out, since an update is worth more than its price."""
    spent = records.config_records.get(COSTS, ConfigRecord())
    return {name: float(value) for name, value in spent.items() if isinstance(value, float | int) and math.isfinite(value)}


def arrays_of(tensors: Mapping[str, Tensor]) -> ArrayRecord:
    """Named tensors -> an array record of the same names."""
    return ArrayRecord({name: Array(np.asarray(tensor.detach().cpu().numpy(), order="C")) for name, tensor in tensors.items()})


def tensors_of(arrays: ArrayRecord) -> dict[str, Tensor]:
    """An array record -> named tensors that own their memory, in the order of their names, as they come back from the campaign's log.

    Raises PeerError for an array that cannot be read, and for one of a type that no network has.
    """
    return {name: _tensor(name, arrays[name]) for name in sorted(arrays)}


def _tensor(name: str, array: Array) -> Tensor:
    try:
        values = np.array(array.numpy())
    except Exception as err:  # numpy's reader raises whatever the bytes of a stranger lead it to
        raise PeerError(f"array {name!r} cannot be read: {err}") from err
    if values.dtype not in TYPES:
        raise PeerError(f"wanted array {name!r} of type {', '.join(sorted(map(str, TYPES)))}, got {values.dtype}")
    return torch.from_numpy(values)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"wanted text, got {type(value).__name__}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"wanted a whole number, got {type(value).__name__}")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"wanted true or false, got {type(value).__name__}")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"wanted a list, got {type(value).__name__}")
    return [_text(item) for item in value]


def _figures(record: MetricRecord) -> dict[str, float]:
    for name, value in record.items():
        if isinstance(value, list) or not math.isfinite(value):
            raise ValueError(f"wanted a finite number for {name!r}, got {value}")
    return {name: float(value) for name, value in record.items() if not isinstance(value, list)}


def last_line(text: str) -> str:
    """A traceback -> its last line, which says what happened; Flower's simulation puts it between quotation marks of its own."""
    lines = [line.strip() for line in text.strip().removesuffix("'>").splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
