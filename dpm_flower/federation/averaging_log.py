"""The rounds of one averaging arm on disk: averages, their costs and gaps, and their worth, so that a killed run goes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.arms import AveragingArm
from dpm_flower.federation.campaign import Campaign
from dpm_flower.federation.campaign_log import CampaignLog, ReplyKey
from dpm_flower.federation.wire import EVALUATE, Reply

SERVER = "server"  # whose reply an average is, in the campaign's log
AVERAGED = "train"  # Flower's own action


@dataclass(frozen=True, slots=True, eq=False)
class AveragingLog:
    """Puts the rounds of an arm, counted from 1, into the campaign's log, and back into the campaign."""

    kept: CampaignLog
    campaign: Campaign
    arm: AveragingArm

    def put_average(self, number: int, tensors: Mapping[str, Tensor]) -> None:
        """Keeps a round's average, with the costs of all rounds up to it and with whose updates did not count in full.

        Raises OutputError where it cannot be written.
        """
        costs = {
            f"{each}.{entity}.{name}": value
            for entity in self.campaign.study.partition.names
            for each, spent in self.campaign.rounds.by_round(self.arm.name, entity).items()
            for name, value in spent.items()
        }
        notes = tuple((f"{each}.{entity}", told) for each, entity, told in self.campaign.rounds.notes(self.arm.name))
        self.kept.put(self._key(AVERAGED, number), Reply(entity=SERVER, refused=notes, costs=costs, tensors=tensors))

    def put_worth(self, number: int, reply: Reply) -> None:
        """Keeps one entity's evaluation of a round's average. Raises OutputError where it cannot be written."""
        self.kept.put(self._key(EVALUATE, number), reply)

    def recall(self) -> tuple[Mapping[str, Tensor], int]:
        """The last round that is kept: its average and its number; costs, gaps and evaluations up to it are noted in the campaign.

        An empty average and 0 where there is none.
        """
        for number in range(self.arm.rounds, 0, -1):
            reply = self.kept.get(self._key(AVERAGED, number))
            if reply is not None:
                self._note(number, reply)
                return reply.tensors, number
        return {}, 0

    def unjudged(self, done: int) -> Iterator[tuple[int, Mapping[str, Tensor]]]:
        """Rounds up to `done`, but the arm's last, whose evaluation is missing: number and average."""
        for number in range(1, min(done, self.arm.rounds - 1) + 1):
            if self.kept.get(self._key(EVALUATE, number)) is None:
                average = self.kept.get(self._key(AVERAGED, number))
                if average is not None:
                    yield number, average.tensors

    def _note(self, done: int, average: Reply) -> None:
        spent: dict[tuple[str, int], dict[str, float]] = {}
        for key, value in average.costs.items():
            number, entity, name = key.split(".", 2)
            spent.setdefault((entity, int(number)), {})[name] = value
        for (entity, each), costs in spent.items():
            self.campaign.rounds.spend(self.arm.name, entity, each, costs)
        for key, told in average.refused:
            number, entity = key.split(".", 1)
            self.campaign.rounds.note(self.arm.name, entity, int(number), told)
        for each in range(1, done + 1):
            worth = self.kept.get(self._key(EVALUATE, each))
            if worth is not None:
                self.campaign.rounds.judge(self.arm.name, worth.entity, each, worth.quality)

    def _key(self, action: str, number: int) -> ReplyKey:
        return ReplyKey(action, self.campaign.seed, self.arm.name, 0, number, SERVER)
