"""Verified releases of two small shards, as `entity-b` would publish them, and what can happen to their files."""

import json
import os
import time

from dpm_flower.payload.codec import encode
from dpm_flower.payload.shard import ShardEntry
from tests.exchange import kill_scan, peers
from tests.payload.examples import expectation, features, manifest
from tests.payload.unsigned import Unsigned


def released(sequence=5, samples=10):
    """-> (verified release, its shards)."""
    shards = encode(features(samples, seed=sequence), max_shard_bytes=900)
    one = manifest(sequence=sequence, samples=samples, shards=tuple(ShardEntry.of(shard) for shard in shards))
    return Unsigned().verify(Unsigned().seal(one), expectation()), shards


def of_one_shard(data, sender="entity-b"):
    """The bytes of a shard, any -> a release of it, which says of itself what a pool and an exchange read, and the shards."""
    entry = peers.released(data)[0].manifest.shards[0]
    shards = [{"name": entry.name, "sha256": entry.sha256, "size_bytes": entry.size_bytes}]
    said = kill_scan.SAID | {"sender": sender, "expires_at": int(time.time()) + 3600, "shards": shards}
    return peers.released(data, sender=sender, payload=json.dumps(said).encode())


def contents(folder):
    """A folder -> the relative paths and bytes of all files in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def release_folder(pool_folder, release):
    return pool_folder / "releases" / release.digest


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: (path.rename(path.with_suffix(".away")), path.symlink_to(path.with_suffix(".away"))),
}
