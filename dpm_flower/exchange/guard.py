"""The guard before every call: who is it, may he, not too much at once; only then are a request's bytes read."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn, TypeAlias

import grpc

from dpm_flower.core.errors import DpmFlowerError, PeerError, PoolError, ReleaseError
from dpm_flower.exchange.limits import Limits, Meter, Spend
from dpm_flower.payload.certificates import entity_of

Admit: TypeAlias = Callable[[str, bytes], None]  # an entity and its certificate in PEM; raises ReleaseError unless it may call


@dataclass(frozen=True, slots=True)
class Told:
    """What one call came to: told before its answer's first byte leaves, and when it is refused, be that in the middle.

    `peer` is empty if the certificate names no entity; `digest` is, and `position` is None, if it did not come to a release or a
    shard. `refusal` is empty for what is served.
    """

    peer: str
    call: str
    digest: str = ""
    position: int | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of an entity that may make it. Its requests are bytes still; `waits` says whether it is there to hear the answer."""

    peer: str
    requests: Iterator[bytes]
    waits: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """The messages to send, and the release and shard they are of."""

    messages: Iterator[bytes] = field(repr=False)
    digest: str = ""
    position: int | None = None


Behaviour: TypeAlias = Callable[[Asked], Answer]

# What a peer is told of an error of ours says nothing of our disk.
_NOT_HERE = "this exchange does not hold that, or it is damaged here"
_OWN_TROUBLE = "this exchange has trouble of its own"


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes handlers of behaviours: each call passes here before anything of it is read, deserialised or answered.

    `admit` is asked at every call, so that a revocation counts at once. `told` hears of every call; where it raises, nothing is sent.
    """

    admit: Admit
    told: Callable[[Told], None]
    limits: Limits
    meter: Meter

    def handler(self, call: str, behaviour: Behaviour) -> grpc.RpcMethodHandler:
        """A call's name and what it does -> its handler, which gets bytes and gives bytes.

        All calls are streams here, for only of a stream gRPC does not receive the request before it asks us. A client sees no
        difference: on the wire a single message is a stream of one.
        """
        return grpc.stream_stream_rpc_method_handler(partial(self._answered, call, behaviour))

    def _answered(self, call: str, behaviour: Behaviour, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        peer = self._peer(call, context)
        with ExitStack() as held:
            try:
                spend = held.enter_context(self.meter.call(peer))
            except PeerError as err:
                self._refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, Told(peer, call, refusal=str(err)))
            asked = Asked(peer, _counted(requests, spend), context.is_active)
            answer = None
            try:
                self._check_deadline(context)
                answer = behaviour(asked)
                self.told(Told(peer, call, answer.digest, answer.position))
                yield from _counted(answer.messages, spend)
            except DpmFlowerError as err:
                of = ("", None) if answer is None else (answer.digest, answer.position)
                self._refuse(context, *_refusal(err, Told(peer, call, *of, str(err))))

    def _peer(self, call: str, context: grpc.ServicerContext) -> str:
        peer = ""
        try:
            certificate = _certificate(context)
            peer = entity_of(certificate)
            self.admit(peer, certificate)
        except DpmFlowerError as err:
            self._refuse(context, *_refusal(err, Told(peer, call, refusal=str(err))))
        return peer

    def _check_deadline(self, context: grpc.ServicerContext) -> None:
        """A peer that stops reading would hold a thread for good; gRPC ends it at the deadline, which therefore must be near."""
        left_s = context.time_remaining()
        if left_s is None or left_s > self.limits.longest_call_s:
            raise PeerError(f"wanted a deadline of at most {self.limits.longest_call_s:g} s, got {left_s}")

    def _refuse(self, context: grpc.ServicerContext, code: grpc.StatusCode, told: Told, said: str | None = None) -> NoReturn:
        with suppress(DpmFlowerError):  # refused it is in any case
            self.told(told)
        context.abort(code, told.refusal if said is None else said)
        raise AssertionError("gRPC's abort raises")


def _refusal(err: DpmFlowerError, told: Told) -> tuple[grpc.StatusCode, Told, str]:
    match err:
        case PeerError():
            return grpc.StatusCode.INVALID_ARGUMENT, told, str(err)
        case ReleaseError():
            return grpc.StatusCode.PERMISSION_DENIED, told, str(err)
        case PoolError():
            return grpc.StatusCode.NOT_FOUND, told, _NOT_HERE
        case _:
            return grpc.StatusCode.INTERNAL, told, _OWN_TROUBLE


def _certificate(context: grpc.ServicerContext) -> bytes:
    shown = context.auth_context().get("x509_pem_cert", ())
    if len(shown) != 1:
        raise ReleaseError(f"wanted one certificate, got {len(shown)}")
    return bytes(shown[0])


def _counted(messages: Iterator[bytes], spend: Spend) -> Iterator[bytes]:
    for message in messages:
        spend(len(message))
        yield message
