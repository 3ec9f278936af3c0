"""A peer that is not there, or too slow, is told from one that answers with a refusal: only the first may be asked again."""

import random

import grpc
import pytest

from dpm_flower.core.errors import AwayError, ReleaseError
from dpm_flower.exchange.resuming import answered
from dpm_flower.exchange.retries import Patience, Tries


class Ended(grpc.RpcError):
    """How a call ended."""

    def __init__(self, status):
        self._status = status

    def code(self):
        return self._status

    def details(self):
        return "words"


class Line:
    """A line on which every call ends in this way."""

    def __init__(self, status):
        self.status, self.calls = status, 0

    def answers(self, call, requests, timeout_s):
        self.calls += 1
        raise Ended(self.status)
        yield

    def renew(self):
        pass


def ended(line):
    """What comes of a call, whose tries take no time but that which they wait for."""
    slept = []
    tries = Tries("b delivers", Patience(), 0, random.Random(0), clock=lambda: sum(slept), sleep=slept.append)
    with pytest.raises(ReleaseError) as caught:
        list(answered(line, tries, "Fetch", lambda: iter([b""])))
    return caught.value


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_who_cannot_be_reached_within_the_patience_is_away(status):
    line = Line(status)
    assert isinstance(ended(line), AwayError)
    assert line.calls > 3


@pytest.mark.parametrize("status", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION])
def test_who_refuses_has_answered(status):
    line = Line(status)
    refusal = ended(line)
    assert not isinstance(refusal, AwayError)
    assert "refused" in str(refusal)
    assert line.calls == 1
