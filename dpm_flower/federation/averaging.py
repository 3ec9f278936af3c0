"""Flower's FedAvg and FedProx with a fixed order of entities: the same replies give the same average, byte for byte."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg, FedProx

from dpm_flower.core.errors import SettingError
from dpm_flower.federation.update_check import Forms, UpdateCheck

OnRemark: TypeAlias = Callable[[str, str], None]  # entity, why its update is left out or counts for less
OnUpdate: TypeAlias = Callable[[str, RecordDict], None]  # entity, content of its reply

SILENT = "did not answer"  # the reason of an entity that is not asked any more


def unreported(entity: str, told: str | RecordDict) -> None:
    """Reports a reply to nobody."""
    del entity, told


class EntityOrder(FedAvg):
    """What both strategies differ in from Flower's: who is asked, and which replies are averaged in which order.

    Flower samples nodes from the process's global generator, waits for nodes without end, and sums in order of arrival; one
    reply that does not fit ends its run. Here all connected entities are asked, sums run in the order of the entities' names,
    and a reply with an error, values that are not finite, or other records, shapes or types than what was sent is left out.
    Nobody is waited for: an entity that stayed silent, which cost a whole timeout, is not asked again. With no good
    reply the round has no average, and Flower keeps the arrays of the round before. Batch-norm statistics are averaged like
    weights, as Flower does; an average has the types of what was averaged. `most` is the weight that an entity's update can have
    at most, whatever it claims; nothing holds back one that is not named. `on_update` gets what was averaged, entity by entity,
    `on_remark` why an update was left out, or weighs less. Nobody is asked for an evaluation, which everybody would make of
    the same test images.
    """

    _entities: dict[int, str]
    _most: dict[str, int]
    _on_remark: OnRemark
    _on_update: OnUpdate
    _asked: frozenset[str] = frozenset()
    _sent: Forms | None = None

    def _take_part(self, entities: Mapping[int, str], on_remark: OnRemark, on_update: OnUpdate, most: Mapping[str, int] | None) -> None:
        if not entities:
            raise SettingError("averaging needs at least one entity, got none")
        if len(set(entities.values())) != len(entities):
            raise SettingError(f"every entity has one node, got {', '.join(sorted(entities.values()))}")
        self.min_train_nodes = self.min_available_nodes = len(entities)
        self._entities = dict(entities)
        self._most = dict(most or {})
        self._on_remark = on_remark
        self._on_update = on_update

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """One training message for each connected entity, in the order of their names."""
        self._sent = {name: (np.dtype(array.dtype).name, tuple(array.shape)) for name, array in arrays.items()}
        connected = set(grid.get_node_ids())
        asked = []
        for node_id, entity in sorted(self._entities.items(), key=lambda item: item[1]):
            if node_id in connected:
                asked.append(node_id)
            else:
                self._on_remark(entity, "is not connected")
        self._asked = frozenset(self._entities[node_id] for node_id in asked)
        own_config = ConfigRecord(dict(config))  # the caller's stays as it is
        own_config["server-round"] = server_round
        record = RecordDict({self.arrayrecord_key: arrays, self.configrecord_key: own_config})
        return self._construct_messages(record, asked, MessageType.TRAIN)

    def configure_evaluate(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """No message."""
        del server_round, arrays, config, grid
        return []

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The good replies' weighted means of arrays and metrics; None and None if there is no good reply.

        An array that is the same in all of them stays as it is, bit for bit: nobody trained it, as nobody trains class anchors.
        """
        good = self._good(replies)
        for reply in good:
            self._hold_back(reply)
            self._on_update(self._entities[reply.metadata.src_node_id], reply.content)
        arrays, metrics = super().aggregate_train(server_round, good)
        return (None if arrays is None else _as_trained(arrays, good)), metrics

    def stop_asking(self, entity: str) -> None:
        """Leaves an entity out from the next round on."""
        self._entities = {node_id: name for node_id, name in self._entities.items() if name != entity}

    def _hold_back(self, reply: Message) -> None:
        """Brings the weight in a good reply down to what this entity's update can have at most."""
        entity = self._entities[reply.metadata.src_node_id]
        key, metrics = next(iter(reply.content.metric_records.items()))
        claimed = metrics[self.weighted_by_key]
        if entity in self._most and not isinstance(claimed, list) and claimed > (most := self._most[entity]):
            reply.content[key] = MetricRecord({**metrics, self.weighted_by_key: most})
            self._on_remark(entity, f"claimed {claimed} samples and weighs {most}")

    def _good(self, replies: Iterable[Message]) -> list[Message]:
        """Replies in any order -> those that can be averaged, one per entity, in the order of the entities' names."""
        answers: dict[str, list[Message]] = {}
        for reply in replies:
            node_id = reply.metadata.src_node_id
            if node_id in self._entities:
                answers.setdefault(self._entities[node_id], []).append(reply)
            else:  # the SuperLink answers in its own name for a node that it lost
                told = f"error {reply.error.code}: {reply.error.reason}" if reply.has_error() else "is no entity of this run"
                self._on_remark(f"node {node_id}", told)
        for entity in sorted(self._asked - answers.keys()):
            self._on_remark(entity, SILENT)
            self.stop_asking(entity)
        for entity in [name for name, given in answers.items() if len(given) > 1]:
            self._on_remark(entity, f"answered {len(answers.pop(entity))} times")
        check = UpdateCheck(weighted_by=self.weighted_by_key, sent=self._sent)
        good, left_out = check.sort_out([(entity, answers[entity][0]) for entity in sorted(answers)])
        for entity, reason in left_out:
            self._on_remark(entity, reason)
        return good


class OrderedFedAvg(EntityOrder):
    """Flower's FedAvg over `entities` (node id -> entity), all of them in each round. Source: arXiv 1602.05629, algorithm 1."""

    def __init__(
        self,
        entities: Mapping[int, str],
        on_remark: OnRemark = unreported,
        on_update: OnUpdate = unreported,
        most: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(fraction_evaluate=0.0)
        self._take_part(entities, on_remark, on_update, most)


class OrderedFedProx(FedProx, EntityOrder):
    """Flower's FedProx over `entities` (node id -> entity), all of them in each round. Source: arXiv 1812.06127, algorithm 2."""

    def __init__(
        self,
        entities: Mapping[int, str],
        on_remark: OnRemark = unreported,
        on_update: OnUpdate = unreported,
        most: Mapping[str, int] | None = None,
        *,
        proximal_mu: float,
    ) -> None:
        super().__init__(proximal_mu=proximal_mu, fraction_evaluate=0.0)
        self._take_part(entities, on_remark, on_update, most)

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        """As in FedAvg, with Flower's ``proximal-mu`` in the config that the entities get, and not in the caller's."""
        return super().configure_train(server_round, arrays, ConfigRecord(dict(config)), grid)


def _as_trained(mean: ArrayRecord, replies: Sequence[Message]) -> ArrayRecord:
    """A mean in the types of what was averaged, whole numbers (a batch norm's count of batches) rounded.

    An array that is the same in all replies stays as it is: weights that add up to 1 need not do so in float32.
    """
    first, *others = (next(iter(reply.content.array_records.values())) for reply in replies)
    typed = {}
    for name, array in mean.items():
        if all(_same(first[name], other[name]) for other in others):
            typed[name] = first[name]
        else:
            values, wanted = array.numpy(), np.dtype(first[name].dtype)
            typed[name] = Array(np.asarray((values if wanted.kind == "f" else np.rint(values)).astype(wanted)))
    return ArrayRecord(typed)


def _same(one: Array, other: Array) -> bool:
    return (one.dtype, one.shape, one.data) == (other.dtype, other.shape, other.data)
