"""The replies of one averaging round -> those that can be averaged with each other, and for the others the reason why not."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict

from dpm_flower.core.errors import PeerError
from dpm_flower.federation.wire import last_line

ArrayForm: TypeAlias = tuple[str, tuple[int, ...]]  # type and shape
Forms: TypeAlias = Mapping[str, ArrayForm]  # array name -> form
Record = TypeVar("Record", ArrayRecord, MetricRecord)
# record names; metrics with the lengths of their lists, -1 for single numbers; arrays with their types and shapes
Form: TypeAlias = tuple[tuple[str, ...], tuple[tuple[str, int], ...], tuple[tuple[str, ArrayForm], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCheck:
    """What a reply must hold: one metric record with the weight, and one array record of the form of what was sent.

    `sent` are names, types and shapes; None where nobody knows what was sent. A type counts as much as a shape: one float64
    update, first in the sum, would make the average one that no entity's network takes.
    """

    weighted_by: str
    sent: Forms | None = None

    def sort_out(self, replies: Sequence[tuple[str, Message]]) -> tuple[list[Message], list[tuple[str, str]]]:
        """(entity, reply) pairs -> the good replies in the same order, and (entity, reason) for each of the others.

        Where good replies differ in their record names, metric names, types or shapes, those of the form that most have are good; of
        two forms that equally many have, the one of the first reply in order.
        """
        forms: dict[int, Form] = {}
        left_out: dict[int, str] = {}
        for position, (_, reply) in enumerate(replies):
            try:
                forms[position] = self._form(reply)
            except PeerError as err:
                left_out[position] = str(err)
        if forms:
            wanted = Counter(forms.values()).most_common(1)[0][0]  # of equals the one counted first
            for position, form in forms.items():
                if form != wanted:
                    left_out[position] = f"wanted the records of most replies, {_told(wanted)}, got {_told(form)}"
        good = [reply for position, (_, reply) in enumerate(replies) if position not in left_out]
        return good, [(replies[position][0], reason) for position, reason in sorted(left_out.items())]

    def _form(self, reply: Message) -> Form:
        """A reply -> its record names, metrics with their lengths, and arrays with their forms; PeerError if it cannot be used."""
        if reply.has_error():
            raise PeerError(f"error {reply.error.code}: {last_line(reply.error.reason or '')}")
        content = reply.content
        metrics_key, metrics = _only(content, MetricRecord)
        self._check_metrics(metrics)
        lengths = tuple(sorted((name, len(value) if isinstance(value, list) else -1) for name, value in metrics.items()))
        arrays_key, arrays = _only(content, ArrayRecord)
        forms = {name: _finite_form(name, array) for name, array in arrays.items()}
        if self.sent is not None and forms != dict(self.sent):
            strange = sorted(name for name in forms.keys() | self.sent.keys() if forms.get(name) != self.sent.get(name))
            first = strange[0]
            raise PeerError(
                f"wanted arrays of the types and shapes that were sent, got {len(strange)} that differ, "
                f"the first {first!r}: sent {_form_told(self.sent.get(first))}, got {_form_told(forms.get(first))}"
            )
        return (arrays_key, metrics_key), lengths, tuple(sorted(forms.items()))

    def _check_metrics(self, metrics: MetricRecord) -> None:
        weight = metrics.get(self.weighted_by)
        if isinstance(weight, list) or weight is None or not (_finite(weight) and weight > 0):
            raise PeerError(f"wanted a finite number > 0 for {self.weighted_by!r}, got {weight}")
        for name, value in metrics.items():
            if not all(_finite(each) for each in (value if isinstance(value, list) else [value])):
                raise PeerError(f"metric {name!r} is not finite, got {value}")


def _only(content: RecordDict, kind: type[Record]) -> tuple[str, Record]:
    found = [(key, record) for key, record in content.items() if isinstance(record, kind)]
    if len(found) != 1:
        raise PeerError(f"wanted exactly one {kind.__name__}, got {len(found)}")
    return found[0]


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _finite_form(name: str, array: Array) -> ArrayForm:
    """An array's real type and shape; raises PeerError unless it can be read and holds finite numbers, no variance below zero."""
    try:
        values = array.numpy()
    except Exception as err:  # numpy's reader raises whatever the bytes of a stranger lead it to
        raise PeerError(f"array {name!r} cannot be read: {err}") from err
    if values.dtype.kind not in "bfiu":
        raise PeerError(f"array {name!r} wanted numbers, got {values.dtype}")
    if not np.isfinite(values).all():
        raise PeerError(f"array {name!r} holds values that are not finite")
    if name.endswith("running_var") and (values < 0).any():  # no network takes them, and their mean may be one of them
        raise PeerError(f"array {name!r} holds variances below zero")
    return values.dtype.name, tuple(values.shape)


def _form_told(form: ArrayForm | None) -> str:
    return "none" if form is None else f"{form[0]} {form[1]}"


def _told(form: Form) -> str:
    records, metrics, arrays = form
    types = ", ".join(sorted({kind for _, (kind, _) in arrays})) or "none"
    return f"{len(arrays)} arrays ({types}) in {', '.join(records)} with metrics {', '.join(name for name, _ in metrics)}"
