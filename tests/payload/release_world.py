"""What vectors about releases tamper with: a release on its way from its sender to its reader, with real signatures and a roster.

Stages, in their order, and their trees: `content` (a list of safetensors files as {name: {dtype, shape, values}}), `packed` and `stored`
(the shards before and after encryption, {name, data, compression, content_bytes}), `manifest` (its JSON before it is signed), `text`
({json: its bytes before they are signed}), `signer` ({name, generation}), `payload` (the manifest's JSON after it was signed), `envelope`
(its JSON), `sent` ({json: its bytes}), `served` (a list of the shards' bytes), `reader` (what is expected), `members` (the roster).
"""

import hashlib
import json
import tracemalloc

import numpy as np
import torch
from safetensors.numpy import load, save

from dpm_flower.core.canonical_json import canonical
from dpm_flower.exchange.pool import Pool
from dpm_flower.payload import sealing
from dpm_flower.payload.binding import Binding
from dpm_flower.payload.codec import decode, encode
from dpm_flower.payload.compression import compressed
from dpm_flower.payload.confidential import seal
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.manifest import PAYLOAD_TYPE
from dpm_flower.payload.released_spec import from_plain, to_plain
from dpm_flower.payload.shard import Shard
from dpm_flower.payload.signed import SignedVerifier
from dpm_flower.payload.verification import Expectation
from tests.payload.examples import CLASSES, NOW, SPEC, features, manifest
from tests.payload.roster_examples import DAY, identity, member, roster
from tests.payload.tampering import Endless

PER_SHARD, SAMPLES, CHUNK_BYTES = 900, 20, 1 << 16


class ReleaseWorld:
    """One reader, entity-a, with its pool and its memory of replays, to whom releases of entity-b come one after the other."""

    def __init__(self, folder, options):
        self._pool, self._replays, self._options = Pool(folder), {}, options
        self.peak_bytes = 0  # the most memory that was taken on the way from an envelope's bytes to the verified release
        self.envelope_bytes = 0  # of the largest

    def run(self, tamper):
        """One release from its sender to its reader -> the features read. Raises ReleaseError."""
        stored, keys = _stored(self._options, tamper)
        data = _sent(stored, keys, tamper)
        self.envelope_bytes = max(self.envelope_bytes, len(data))
        served = [shard["data"] for shard in stored]
        tamper("served", served)
        expectation, verifier = self._expectation(tamper), SignedVerifier(roster_of(tamper))
        release = self._measured(lambda: verifier.verify(Envelope.from_bytes(data), expectation))
        self._pool.admit(release, lambda position: _chunks(served, position))
        one, shards = release.manifest, content(release, self._pool.shards(release))
        return decode(list(shards), one.spec, classes=one.classes, samples=one.samples).features

    @staticmethod
    def was_right(came):
        return torch.equal(came, features(SAMPLES).features.half().float())

    def _expectation(self, tamper):
        asked = {"campaign": "c-0123", "sender": "entity-b", "receiver": "entity-a", "classes": CLASSES, "now": NOW, "max_bytes": 1 << 40}
        reader = {**asked, "spec": to_plain(SPEC), "keys": "entity-a"}
        tamper("reader", reader)
        spec = from_plain(Fields({"spec": reader.pop("spec")}, "a reader", {"spec"}), "features")
        keys = reader.pop("keys")
        return Expectation(**reader, spec=spec, hpke=identity(keys).hpke if keys else None, replays=self._replays)

    def _measured(self, verify):
        tracemalloc.start()
        try:
            return verify()
        finally:
            self.peak_bytes = max(self.peak_bytes, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()


def roster_of(tamper):
    """-> a callable that gives the roster in force at the reader."""
    usual = {"roles": ["entity"], "valid_from": NOW - 10, "valid_until": NOW + DAY, "revoked_at": None, "generation": 0}
    plain = {"expires_at": NOW + 2 * DAY, "members": {name: dict(usual) for name in ("entity-a", "entity-b", "entity-c")}}
    tamper("members", plain)
    members = [member(name, **(one | {"roles": frozenset(one["roles"])})) for name, one in sorted(plain["members"].items())]
    return lambda: roster(members=tuple(members), expires_at=plain["expires_at"])


def _stored(options, tamper):
    """-> (shards as they are stored, the manifest's fields about their keys)."""
    files = [_tree(shard.data) for shard in encode(features(SAMPLES), max_shard_bytes=PER_SHARD)]
    tamper("content", files)
    shards = [{"name": f"features-{n:05d}.safetensors", **_packed(_file(one), options)} for n, one in enumerate(files)]
    tamper("packed", shards)
    keys = {}
    if options.get("confidential"):
        recipients = {name: identity(name).card.hpke for name in ("entity-a", "entity-c")}
        sealed = seal([Shard(**shard) for shard in shards], Binding(sender="entity-b", campaign="c-0123", sequence=5), recipients)
        shards = [plain | {"data": shard.data} for plain, shard in zip(shards, sealed.shards, strict=True)]
        keys = {
            "encryption": "aes-256-gcm-segments",
            "key_commitment": sealed.key_commitment,
            "wrapped_keys": sealing.keys_to_plain(sealed.wrapped_keys),
        }
    tamper("stored", shards)
    return shards, keys


def _sent(stored, keys, tamper):
    """-> the envelope's bytes as the reader gets them."""
    plain = json.loads(manifest(samples=SAMPLES).to_bytes()) | keys
    plain["shards"] = [_entry(shard) for shard in stored]
    tamper("manifest", plain)
    text, signer = {"json": canonical(plain)}, {"name": "entity-b", "generation": 0}
    tamper("text", text)
    tamper("signer", signer)
    signatures = identity(**signer).signing.sign(PAYLOAD_TYPE, text["json"])
    if tamper.touches("payload"):
        payload = json.loads(text["json"])
        tamper("payload", payload)
        text["json"] = canonical(payload)
    envelope = json.loads(Envelope(text["json"], PAYLOAD_TYPE, signatures).to_bytes())
    tamper("envelope", envelope)
    sent = {"json": canonical(envelope)}
    tamper("sent", sent)
    return sent["json"]


def _tree(data):
    return {
        name: {"dtype": str(array.dtype), "shape": list(array.shape), "values": array.flatten().tolist()}
        for name, array in load(data).items()
    }


def _file(tree):
    if isinstance(tree, bytes):
        return tree
    return save({name: np.array(one["values"], one["dtype"]).reshape(one["shape"]) for name, one in tree.items()})


def _packed(data, options):
    frame = compressed(data) if options.get("compressed") else None
    if frame is None:
        return {"data": data, "compression": "none", "content_bytes": len(data)}
    return {"data": frame, "compression": "zstd", "content_bytes": len(data)}


def _entry(shard):
    """What a manifest says of a shard, whatever the shard is: an honest ShardEntry would refuse some of what senders do here."""
    digest = hashlib.sha256(shard["data"]).hexdigest()
    rest = {key: shard[key] for key in ("name", "compression", "content_bytes")}
    return rest | {"sha256": digest, "size_bytes": len(shard["data"])}


def _chunks(served, position):
    data = served[position] if position < len(served) else b""
    if isinstance(data, Endless):
        while True:
            yield bytes(CHUNK_BYTES)
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
