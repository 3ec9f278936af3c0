"""One campaign, a study under one seed, as the server sees it: what to ask next, and what came of it. No messages in here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dpm_flower.core.arms import RECEIVED, Arm, AveragingArm, SharingArm
from dpm_flower.core.outcome import Outcome
from dpm_flower.core.study import Study
from dpm_flower.federation import wire
from dpm_flower.federation.answers import Answer, Answers
from dpm_flower.federation.averaging_start import decider_of
from dpm_flower.federation.costs import total
from dpm_flower.federation.pooled_samples import most_samples
from dpm_flower.federation.rounds import Rounds
from dpm_flower.federation.shared_decider import averaged
from dpm_flower.federation.wire import Reply, Request
from dpm_flower.methods.nothing import Nothing


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to one entity: the action that answers it, and the request."""

    action: str
    entity: str
    request: Request


@dataclass(slots=True, eq=False)
class Campaign:
    """State of a campaign. `images` says how many each entity has under this seed; one that it does not name is not there.

    `members` are the entities that take part, `lead_order` those that may pre-train, first choice first.
    """

    study: Study
    seed: int
    identifier: str
    images: Mapping[str, int]
    members: list[str] = field(init=False)
    lead_order: list[str] = field(init=False)
    absent: dict[str, str] = field(default_factory=dict)
    nets: Mapping[str, Tensor] = field(default_factory=dict)
    vouched: tuple[str, str] = ("", "")  # the lead, and the envelope over its word for the networks
    shared: dict[str, Mapping[str, Tensor]] = field(default_factory=dict)  # arm -> one network or decider for all
    rounds: Rounds = field(default_factory=Rounds)
    _answers: Answers = field(default_factory=Answers)
    _rounds: dict[str, dict[str, Reply]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = [name for name in self.study.partition.names if name in self.images]
        by_size = sorted(self.members, key=lambda name: (-self.images[name], name))
        self.lead_order = [self.study.lead] if self.study.lead else by_size
        for name in self.study.partition.names:
            if name not in self.images:
                self.leave_out(name, "did not answer when the run began")

    def leave_out(self, entity: str, reason: str) -> None:
        """An entity that can't take part any more; the others go on."""
        if entity in self.members:
            self.members.remove(entity)
        self.absent.setdefault(entity, reason)

    def give_up(self, arm: str, reason: str) -> None:
        """An arm that came to nothing: nobody has figures in it."""
        for entity in self.study.partition.names:
            self._answers.put(wire.EVALUATE, arm, entity, reason)

    def possible_pretrain_asks(self) -> Iterator[Ask]:
        """The questions to every entity that may ever have been the lead."""
        for entity in self.study.partition.names:
            yield Ask(wire.PRETRAIN, entity, self._request())

    def pretrain_asks(self) -> Iterator[Ask]:
        """The first choice among the leads that have not failed, while there are no networks."""
        left = [name for name in self.lead_order if name in self.members and self._answers.get(wire.PRETRAIN, "", name) is None]
        if not self.nets and left:
            yield Ask(wire.PRETRAIN, left[0], self._request())

    def adopt_asks(self) -> Iterator[Ask]:
        """Everybody checks and keeps the public networks."""
        for entity in self.members:
            yield Ask(wire.ADOPT, entity, self._request(tensors=self.nets, claims=(self.vouched,)))

    def contribute_asks(self) -> Iterator[Ask]:
        """Each entity, for each distinct method by which it shares something that an arm uses."""
        for number, method in enumerate(self.study.methods):
            if not isinstance(method, Nothing):
                for entity in self.members:
                    if any(arm.sends(entity) and arm.method_of(entity) == method for arm in self._sharing_arms()):
                        yield Ask(wire.CONTRIBUTE, entity, self._request(method=number))

    def refine_asks(self) -> Iterator[Ask]:
        """The receivers of each arm in which everybody trains a network or decider of its own."""
        for arm in self._sharing_arms("own", "network"):
            for entity in self._supplied(arm, wire.REFINE):
                yield Ask(wire.REFINE, entity, self._request(arm=arm.name, claims=self._claims(arm)))

    def shared_asks(self, number: int) -> Iterator[Ask]:
        """Round `number` (from 1) of the arms with a shared decider, and what the average of the round before is worth."""
        for arm in self._sharing_arms("shared"):
            if number <= arm.averaged_rounds:
                tensors = self.shared.get(arm.name) or self._received_decider()
                for entity in self._supplied(arm, wire.REFINE_SHARED):
                    claims, rounds = self._claims(arm), arm.averaged_rounds
                    request = self._request(arm=arm.name, claims=claims, round=number, rounds=rounds, tensors=tensors)
                    yield Ask(wire.REFINE_SHARED, entity, request)
                if number > 1:
                    yield from self.round_asks(arm, number - 1, tensors)

    def round_asks(self, arm: Arm, number: int, tensors: Mapping[str, Tensor]) -> Iterator[Ask]:
        """What a round's average is worth: asked of the largest entity, whose test images are everybody's if it did not bring them."""
        if judge := self._judge(arm):
            yield Ask(wire.EVALUATE, judge, self._request(arm=arm.name, round=number, rounds=arm.averaged_rounds, tensors=tensors))

    def evaluate_asks(self) -> Iterator[Ask]:
        """Whoever has something to evaluate: its own network or decider, or the one for all."""
        for arm in self.study.arms:
            for entity in self._receivers(arm):
                if arm.name in self.shared:
                    yield Ask(wire.EVALUATE, entity, self._request(arm=arm.name, tensors=self.shared[arm.name]))
                elif isinstance(arm, SharingArm) and (refined := self._answers.reply(wire.REFINE, arm.name, entity)):
                    used = tuple(claim for claim in self._claims(arm) if claim[0] not in dict(refined.refused))
                    yield Ask(wire.EVALUATE, entity, self._request(arm=arm.name, claims=used))  # a decider of others is another

    def take(self, ask: Ask, answer: Answer) -> None:
        """Notes a reply, or the reason why there is none."""
        request = ask.request
        if ask.action == wire.EVALUATE and isinstance(answer, Reply) and (number := self._judges(ask)):
            self.rounds.judge(request.arm, ask.entity, number, answer.quality)
        if ask.action == wire.EVALUATE and request.round:
            return  # a round without figures is a gap in a curve; the arm's own figures are those of its end
        self._answers.put(ask.action, str(request.method) if ask.action == wire.CONTRIBUTE else request.arm, ask.entity, answer)
        if ask.action == wire.ADOPT and isinstance(answer, str):
            self.leave_out(ask.entity, answer)  # without the networks nothing that follows is possible
        elif ask.action == wire.PRETRAIN and isinstance(answer, Reply):
            self.nets, self.vouched = answer.tensors, (answer.entity, answer.envelope)
        elif ask.action == wire.REFINE_SHARED and isinstance(answer, Reply):
            self._rounds.setdefault(request.arm, {})[ask.entity] = answer
            self.rounds.spend(request.arm, ask.entity, request.round, answer.costs)

    def close_round(self, number: int) -> list[str]:
        """Averages what round `number` of the shared arms brought; answers with whose updates did not count in full, in words."""
        told: list[str] = []
        for arm in self._sharing_arms("shared"):
            if not 1 <= number <= arm.averaged_rounds:
                continue
            replies, gaps = self._rounds.pop(arm.name, {}), list[tuple[str, str]]()
            if replies:
                before, claims = self.shared.get(arm.name) or self._received_decider(), self._claims(arm)
                most = {entity: most_samples(entity, self.images[entity], claims) for entity in replies}
                average = averaged(before, {entity: (reply.tensors, reply.images) for entity, reply in replies.items()}, most)
                self.shared[arm.name] = average.tensors
                gaps += average.remarks
            for entity in (name for name in self.study.partition.names if arm.receives(name) and name not in replies):
                answer = self._answers.get(wire.REFINE_SHARED, arm.name, entity)
                reason = answer if isinstance(answer, str) else self.absent.get(entity, "was not asked")
                gaps.append((entity, f"is missing: {reason}"))
            for entity, became in gaps:
                self.rounds.note(arm.name, entity, number, became)
                told.append(f"{arm.name}: the update of {entity} {became}")
        return told

    def reasons(self) -> list[tuple[str, str]]:
        """(entity, reason) of those that were left out, and of those that could not pre-train."""
        return sorted((dict(self._answers.failures(wire.PRETRAIN)) | self.absent).items())

    def outcomes(self) -> Iterator[Outcome]:
        """One outcome for every arm and entity, with figures or the reason why there are none."""
        for entity in self.study.partition.names:
            yield self._outcome(RECEIVED, entity, self._answers.get(wire.ADOPT, "", entity), {}, {})
        for arm in self.study.arms:
            for entity in self.study.partition.names:
                quality, costs = self._of_release(arm, entity) if isinstance(arm, SharingArm) else ({}, {})
                if isinstance(arm, SharingArm) and not arm.receives(entity):
                    yield Outcome(self.seed, arm.name, entity, quality, costs, reason=self._unreleased(arm, entity))
                    continue
                yield self._outcome(arm.name, entity, self._answers.outcome(arm.name, entity), quality, costs)

    def _outcome(self, arm: str, entity: str, answer: Answer | None, quality: Mapping[str, float], costs: Mapping[str, float]) -> Outcome:
        refined = self._answers.reply(wire.REFINE, arm, entity)
        spent = [costs, self.rounds.spent(arm, entity), refined.costs if refined else {}]
        spent_in_all = {"seconds": 0.0, "bytes_sent": 0.0} | total(spent)
        if not isinstance(answer, Reply):
            reason = answer or self.absent.get(entity) or "was not asked: nothing to evaluate"
            return Outcome(self.seed, arm, entity, dict(quality), spent_in_all, reason=reason)
        correct = answer.tensors.get("correct")
        return Outcome(
            self.seed,
            arm,
            entity,
            {**quality, **answer.quality},
            spent_in_all,
            correct.to(torch.bool) if correct is not None and correct.ndim == 1 else None,
            remark=self._remark(arm, entity),
            rounds=self.rounds.figures(arm, entity, self.study.arm(arm).averaged_rounds if arm != RECEIVED else 0, costs),
        )

    def _remark(self, arm: str, entity: str) -> str:
        """Whose releases this entity went without, and whose updates the arm, and why; empty where all were there."""
        averaging = self.rounds.remark(arm)
        chosen = self.study.arm(arm) if arm != RECEIVED else None
        if not isinstance(chosen, SharingArm) or not _shares(chosen):
            return averaging
        refused: dict[str, str] = {}
        for action in (wire.REFINE, wire.REFINE_SHARED):
            answer = self._answers.reply(action, arm, entity)
            refused |= dict(answer.refused) if answer else {}
        parts = []
        for sender in self.study.partition.names:
            if sender != entity and chosen.sends(sender) and (reason := refused.get(sender) or self._missing(chosen, sender)):
                parts.append(f"without the release of {sender}: {reason}")
        return "; ".join([*parts, averaging] if averaging else parts)

    def _missing(self, arm: SharingArm, sender: str) -> str:
        """Why a sender has no release of the arm's method; empty if it has one."""
        answer = self._contributed(arm, sender)
        if isinstance(answer, Reply):
            return ""
        return answer or self.absent.get(sender) or "was not asked"

    def _unreleased(self, arm: SharingArm, entity: str) -> str:
        """Why there is nothing to judge of an entity whose release is the point of the arm; empty in arms where somebody trains."""
        return self._missing(arm, entity) if arm.refine == "none" and arm.sends(entity) and _shares(arm) else ""

    def _supplied(self, arm: SharingArm, action: str) -> list[str]:
        """The arm's receivers that have something to refine on; the others get their reason: own data alone are another arm."""
        senders = {sender for sender, _ in self._claims(arm)}
        supplied = []
        for entity in self._receivers(arm):
            if _shares(arm) and not senders - {entity}:
                self._answers.put(action, arm.name, entity, "no other entity released anything to refine on")
            else:
                supplied.append(entity)
        return supplied

    def _of_release(self, arm: SharingArm, entity: str) -> tuple[Mapping[str, float], Mapping[str, float]]:
        answer = self._contributed(arm, entity) if arm.sends(entity) else None
        return (answer.quality, answer.costs) if isinstance(answer, Reply) else ({}, {})

    def _contributed(self, arm: SharingArm, entity: str) -> Answer | None:
        """What came when this entity was asked for its release in this arm."""
        return self._answers.get(wire.CONTRIBUTE, str(self.study.methods.index(arm.method_of(entity))), entity)

    def _request(
        self,
        *,
        arm: str = "",
        method: int = 0,
        round: int = 0,
        rounds: int = 0,
        claims: tuple[tuple[str, str], ...] = (),
        tensors: Mapping[str, Tensor] | None = None,
    ) -> Request:
        return Request(
            campaign=self.identifier,
            seed=self.seed,
            arm=arm,
            method=method,
            round=round,
            rounds=rounds,
            claims=claims,
            tensors=tensors or {},
        )

    def _claims(self, arm: SharingArm) -> tuple[tuple[str, str], ...]:
        """(sender, envelope) of every release that this arm uses, in the order of the senders' names."""
        found = ((entity, self._contributed(arm, entity)) for entity in sorted(self.study.partition.names) if arm.sends(entity))
        return tuple((entity, answer.envelope) for entity, answer in found if isinstance(answer, Reply) and answer.envelope)

    def _sharing_arms(self, *refinements: str) -> list[SharingArm]:
        """The sharing arms of these kinds of refinement; all of them where no kind is named."""
        return [arm for arm in self.study.arms if isinstance(arm, SharingArm) and (not refinements or arm.refine in refinements)]

    def _receivers(self, arm: Arm) -> list[str]:
        if isinstance(arm, AveragingArm):
            return list(self.members)
        return [entity for entity in self.members if arm.receives(entity)]

    def _judge(self, arm: Arm) -> str:
        """Who evaluates the rounds of an arm: of its receivers the one with the most images; empty where nobody is left."""
        receivers = self._receivers(arm)
        return next((name for name in (*self.lead_order, *receivers) if name in receivers), "")

    def _judges(self, ask: Ask) -> int:
        """The round whose average an evaluation is about; the arm's own evaluation is that of its last. 0: of none."""
        arm = self.study.arm(ask.request.arm)
        if ask.request.round or ask.entity != self._judge(arm):
            return ask.request.round
        return arm.averaged_rounds

    def _received_decider(self) -> Mapping[str, Tensor]:
        return decider_of(self.nets)


def _shares(arm: SharingArm) -> bool:
    return not isinstance(arm.method, Nothing)
