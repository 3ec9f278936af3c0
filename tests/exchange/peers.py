"""Institutions for tests of the exchange: an authority, entities with keys and certificates, a shelf in memory, what a pool would take."""

import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import grpc

from dpm_flower.core.errors import PoolError, ReleaseError
from dpm_flower.exchange.credentials import Credentials
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.messages import path
from dpm_flower.exchange.shelf import OnShelf
from dpm_flower.exchange.stream import checked
from dpm_flower.payload.certificates import certificate_request, entity_names
from dpm_flower.payload.development_ca import DevelopmentCa
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import PROOF, AuthenticRelease

NOW = int(time.time())
CAMPAIGN = "c-0123"


def authority(folder):
    return DevelopmentCa.create(folder, "authority of a test", now=NOW)


def entity(name, ca, believes=None):
    """An entity's name and an authority -> its TLS credentials, which believe that authority or another one."""
    return member(name, ca, believes)[1]


def member(name, ca, believes=None):
    """As `entity` -> the card as well."""
    identity = Identity.generate(name, "127.0.0.1:1", now=NOW, post_quantum=False)
    request = certificate_request(identity.tls, name, entity_names(name, "127.0.0.1"))
    certificate = ca.sign(request, identity.card, now=NOW)
    return identity.card, Credentials(identity.tls_key_pem(), certificate, (believes or ca).certificate_pem)


def released(*contents, sender="entity-b", payload=b"a manifest"):
    """The bytes of shards -> a release of them (of whose manifest only what an exchange looks at is there), and the shards."""
    shards = [Shard(f"shard-{position}", data) for position, data in enumerate(contents)]
    entries = tuple(ShardEntry.of(shard) for shard in shards)
    manifest = SimpleNamespace(sender=sender, shards=entries, size_bytes=sum(len(data) for data in contents), campaign=CAMPAIGN)
    return AuthenticRelease(manifest, Envelope(payload, "text/plain", ()), PROOF), shards


@dataclass
class MemoryShelf:
    """Releases by digest. `chunk_bytes` is how they are cut."""

    chunk_bytes: int = 1000
    held: dict = field(default_factory=dict)

    def put(self, release, shards, recipients=()):
        on_shelf = OnShelf(release.digest, release.manifest.sender, recipients)
        self.held[release.digest] = (on_shelf, release.envelope.to_bytes(), [shard.data for shard in shards])

    def listing(self, campaign):
        return [on_shelf for on_shelf, _, _ in self.held.values() if campaign in (CAMPAIGN, None)]

    def find(self, digest):
        return self._get(digest)[0]

    def envelope(self, digest):
        return self._get(digest)[1]

    def open_shard(self, digest, position, offset):
        shards = self._get(digest)[2]
        if position >= len(shards):
            raise PoolError(f"/a/path/of/ours: no shard {position}")
        data, step = shards[position], self.chunk_bytes
        return len(data), (data[start : start + step] for start in range(offset, len(data), step))

    def withdraw(self, digest, reason):
        del self.held[digest]

    def _get(self, digest):
        if digest not in self.held:
            raise PoolError(f"/a/path/of/ours: no release {digest}")
        return self.held[digest]


@dataclass
class Taken:
    """Stands for a pool that takes a release in: verifies as one does. `on_chunk` is called with the number of bytes that are here."""

    on_chunk: object = None
    shards: list = field(default_factory=list)

    def admit(self, release, source):
        for position, entry in enumerate(release.manifest.shards):
            data = bytearray()
            for chunk in checked(source(position), entry, ReleaseError, "of the test"):
                data += chunk
                if self.on_chunk is not None:
                    self.on_chunk(len(data))
            self.shards.append(bytes(data))
        return release.digest


class Members:
    """An `admit` that knows these names, which can be changed."""

    def __init__(self, *names):
        self.names = set(names)

    def __call__(self, name, certificate):
        if name not in self.names:
            raise ReleaseError(f"{name} is not on the roster")


def at(name, address):
    """A name and an address -> what `GrpcExchange` asks of its `peers`."""
    return lambda _: PeerEndpoint(name, address)


def raw(address, credentials, call, request=b"", timeout=60.0, name="entity-b"):
    """One call by hand -> the answers' bytes, or the code and words of the refusal. The address may be any that gRPC knows."""
    options = [("grpc.ssl_target_name_override", f"{name}.entity.dpm"), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(address, credentials.of_a_channel(), options) as channel:
        called = call if call.startswith("/") else path(call)
        try:
            return list(channel.unary_stream(called)(request, timeout=timeout))
        except grpc.RpcError as err:
            return err.code(), err.details()
