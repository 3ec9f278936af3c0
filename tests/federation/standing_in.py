"""Entities that train nothing: their answers are numbers drawn from what they were asked, so that any other question shows."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import torch
from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from torch import Tensor

from dpm_flower.core.arms import AveragingArm, SharingArm
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import PeerError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.outcome import Outcome
from dpm_flower.core.partition import Shares
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.core.study import Study
from dpm_flower.federation import strategy, wire
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.wire import Reply, Request
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.studies import run as study_run

FEW = Fitting(steps=1, learning_rate=1e-3)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)
STUDY = Study(
    name="standing in",
    side=12,
    partition=Shares(entities=(("a", 0.1), ("b", 0.2), ("c", 0.05), ("d", 0.02))),
    arms=(
        SharingArm(name="alone", method=Nothing()),
        SharingArm(name="poisoned", method=POISONING),
        SharingArm(name="shared", method=POISONING, refine="shared", rounds=2),
        SharingArm(name="images", method=RawImages(), refine="network", receivers=("a",)),
        AveragingArm(name="FedAvg", rounds=3),
    ),
    seeds=(0, 1),
    phase_timeout_s=30.0,
)
IMAGES = {"a": 20, "b": 40, "c": 10, "d": 5}  # b is the natural lead
NETWORKS = {"featurizer.weight", "decider.weight", "decider.num_batches_tracked", "reconstructor.weight"}
TESTS = 16  # images in the common test set

Call: TypeAlias = tuple[str, str, int, str, int, int]  # action, entity, seed, arm, method, round
Fault: TypeAlias = Callable[[Reply], Reply]


class Silence(Exception):
    """Raised by a handler: the grid lets no answer through."""


class Loss(Exception):
    """Raised by a handler: the process died, as the grid tells it."""


class Killed(BaseException):
    """Raised by the grid in the server app: nothing catches it, as nothing catches a kill."""


def fail(reply: Reply) -> Reply:
    raise ValueError(f"{reply.entity} cannot")


def stay_silent(reply: Reply) -> Reply:
    raise Silence


@dataclass(eq=False)
class StandIns:
    """A client app of all entities. `faults` change what an (action, entity) answers; `calls` are the questions, in order."""

    faults: Mapping[tuple[str, str], Fault] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    names: Sequence[str] = STUDY.partition.names
    images: Mapping[int, Mapping[str, int]] = field(default_factory=dict)  # of seeds under which others than IMAGES are held

    def app(self) -> ClientApp:
        app = ClientApp()
        app.query("identify")(self._handler(wire.IDENTIFY, self._identify))
        app.train("pretrain")(self._handler(wire.PRETRAIN, self._pretrain))
        app.train("adopt")(self._handler(wire.ADOPT, self._evaluate))
        app.train("contribute")(self._handler(wire.CONTRIBUTE, self._contribute))
        app.train("refine")(self._handler(wire.REFINE, self._refine))
        app.train("refine_shared")(self._handler(wire.REFINE_SHARED, self._refine_shared))
        app.evaluate("decider")(self._handler(wire.EVALUATE, self._evaluate))
        app.train()(self._average)
        return app

    def _handler(self, action: str, answer: Callable[[str, Request], Reply]) -> Callable[[Message, Context], Message]:
        def handle(message: Message, context: Context) -> Message:
            name, request = self._name(context), wire.read_request(message)
            self.calls.append((action, name, request.seed, request.arm, request.method, request.round))
            reply = answer(name, request)
            return wire.reply_message(self.faults.get((action, name), lambda same: same)(reply), message)

        return handle

    def _name(self, context: Context) -> str:
        return self.names[int(str(context.node_config["partition-id"]))]

    def _identify(self, name: str, request: Request) -> Reply:
        return Reply(entity=name, images=self._images(name, request.seed))

    def _images(self, name: str, seed: int) -> int:
        return self.images.get(seed, IMAGES)[name]

    def _pretrain(self, name: str, request: Request) -> Reply:
        rng = _drawn("networks", name, request.seed)
        tensors = {
            "featurizer.weight": torch.randn(3, generator=rng),
            "decider.weight": torch.randn(4, generator=rng),
            "decider.num_batches_tracked": torch.tensor(7),
            "reconstructor.weight": torch.randn(2, generator=rng),
        }
        return Reply(entity=name, tensors=tensors, costs={"seconds": 1.0})

    def _contribute(self, name: str, request: Request) -> Reply:
        quality = {"ssim_p": float(torch.rand((), generator=_drawn("release", name, request.seed, request.method)))}
        envelope = f"release {request.method} of {name}, seed {request.seed}"
        return Reply(entity=name, envelope=envelope, quality=quality, costs={"seconds": 2.0, "bytes_sent": 100.0})

    def _refine(self, name: str, request: Request) -> Reply:
        return Reply(entity=name, costs={"seconds": 4.0 + len(request.claims)})

    def _refine_shared(self, name: str, request: Request) -> Reply:
        rng = _drawn("update", name, *_asked(request), request.rounds, request.claims)
        return Reply(entity=name, images=self._images(name, request.seed), tensors=_moved(request.tensors, rng), costs={"seconds": 8.0})

    def _evaluate(self, name: str, request: Request) -> Reply:
        rng = _drawn("evaluation", name, *_asked(request))
        correct = torch.rand(TESTS, generator=rng) < 0.5
        quality = {"top1": float(correct.float().mean()), "validation_top1": 0.5}
        return Reply(entity=name, quality=quality, costs={"seconds": 0.5}, tensors={"correct": correct.to(torch.uint8)})

    def _average(self, message: Message, context: Context) -> Message:
        name, asked = self._name(context), wire.read_averaging(message)
        self.calls.append(("train", name, asked.seed, asked.arm, 0, asked.round))
        self.faults.get(("train", name), lambda same: same)(Reply(entity=name))
        rng = _drawn("average", name, asked.seed, asked.arm, asked.round, tensors_digest(asked.tensors))
        update = ModelUpdate(_moved(asked.tensors, rng), self._images(name, asked.seed))
        return wire.averaging_reply(update, {"seconds": 16.0}, message)


def _asked(request: Request) -> tuple[object, ...]:
    return request.seed, request.arm, request.method, request.round, tensors_digest(request.tensors)


def _drawn(*question: object) -> torch.Generator:
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(repr(question).encode()).digest()[:6], "big"))


def _moved(tensors: Mapping[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
    return {
        name: tensor + torch.randn(tensor.shape, generator=rng) if tensor.is_floating_point() else tensor + 1
        for name, tensor in tensors.items()
    }


class StandInGrid(InProcessGrid):
    """The grid of the stand-ins; raises `Killed` in place of the answer number `dies_at`, counted from 0."""

    def __init__(self, stand_ins: StandIns, *, dies_at: int | None = None, order: torch.Generator | None = None) -> None:
        nodes = [{"partition-id": number} for number in range(len(stand_ins.names))]
        super().__init__(stand_ins.app(), nodes, {}, order)
        self._dies_at, self._answers = dies_at, 0

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        if self._answers == self._dies_at:
            raise Killed
        identifiers = list(message_ids)
        while replies := list(super().pull_messages(identifiers)):
            told = [self._told(reply) for reply in replies if not (reply.has_error() and reply.error.reason.startswith("Silence"))]
            if told:
                self._answers += len(told)
                return told
        return []

    def _told(self, reply: Message) -> Message:
        if reply.has_error() and reply.error.reason.startswith("Loss"):
            lost = Message(Error(ErrorCode.UNKNOWN, "ActorDiedError\nthe process ended"), reply_to=reply)
            lost.metadata.__dict__.update(reply.metadata.__dict__)
            return lost
        return reply


def check_toy_networks(study: Study, nets: Mapping[str, Tensor]) -> None:
    """Takes the place of the check of real networks, which wants them and a quarter of a second."""
    if set(nets) != NETWORKS or not all(bool(torch.isfinite(tensor).all()) for tensor in nets.values()):
        raise PeerError("wanted the stand-ins' networks, got others")


@contextmanager
def no_report() -> Iterator[list[Outcome]]:
    """Runs draw nothing inside the block, which takes most of a second -> the list that the outcomes of the last run go to.

    Networks are the stand-ins' inside the block.
    """
    check, strategy.check_networks = strategy.check_networks, check_toy_networks
    report, figures, results, seen = study_run.write_report, study_run.write_figures, study_run.results_of, []

    def noted(study, outcomes, facts):
        seen[:] = outcomes
        return results(study, outcomes, facts)

    study_run.write_report, study_run.write_figures, study_run.results_of = lambda *_: Path(), lambda *_: (), noted
    try:
        yield seen
    finally:
        study_run.write_report, study_run.write_figures, study_run.results_of = report, figures, results
        strategy.check_networks = check


@dataclass(frozen=True, eq=False)
class Ran:
    """What a run left: its outcomes by (seed, arm, entity), and the bytes of its quality.csv and curves.csv."""

    outcomes: Mapping[tuple[int, str, str], Outcome]
    quality: bytes
    curves: bytes

    def reason(self, arm: str, entity: str, seed: int = 0) -> str:
        return self.outcomes[seed, arm, entity].reason

    def holes(self) -> set[tuple[str, str]]:
        """(arm, entity) of cells without figures, under any seed."""
        return {(arm, entity) for (_, arm, entity), outcome in self.outcomes.items() if outcome.reason}


def ran(stand_ins: StandIns, folder: Path, study: Study = STUDY, **grid: object) -> Ran:
    """Runs the study to its end, or to what the grid raises."""
    with no_report() as outcomes:
        study_run.run_study(study, StandInGrid(stand_ins, **grid), folder, "test", lambda _: None, simulation=True)  # type: ignore[arg-type]
    files = (folder / "quality.csv").read_bytes(), (folder / "curves.csv").read_bytes()
    return Ran({(each.seed, each.arm, each.entity): each for each in outcomes}, *files)
