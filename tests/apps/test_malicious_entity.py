"""One entity of four whose releases are malformed, each in another way: each is refused with its own reason, and the run goes on."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TypeAlias

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.partition import Shares
from dpm_flower.exchange import layout
from dpm_flower.exchange.pool import Pool
from dpm_flower.federation import handlers
from dpm_flower.federation.peak_memory import MEMORY
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.payload.codec import HEADER_BYTES, decode, encode
from dpm_flower.payload.content import content
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.manifest import PAYLOAD_TYPE
from dpm_flower.payload.shard import Shard, ShardEntry
from dpm_flower.payload.verified import PROOF, AuthenticRelease
from dpm_flower.regime.contribute import contribute
from tests import small_study
from tests.apps import exchange_runs
from tests.apps.exchange_runs import interpose, left_behind, processes_in, reasons, straight
from tests.payload.release_world import _entry as entry_of
from tests.payload.release_world import _file as safetensors_file
from tests.payload.release_world import _tree as tree_of
from tests.payload.tampering import Tampering

VECTORS = Path(__file__).parents[1] / "vectors"
BOMB_BYTES = 256 << 20
ROOM_BYTES = 64 << 20  # of memory, for what the allocator does; the bomb takes four times that


Way: TypeAlias = tuple[list[dict[str, object]], str]  # operations, and why the tampered release is refused


def vector(name: str) -> Way:
    """A vector's way, of this study's names."""
    found = json.loads((VECTORS / f"{name}.json").read_text())
    return found["tamper"], found["refused"].replace("entity-b", "m").replace("c-0123", "[0-9a-f]+-s0")


def at_packed(**fields: object) -> list[dict[str, object]]:
    """Operations that set these fields of the first shard before it is signed for."""
    return [{"in": "packed", "at": [0, name], "do": "set", "to": to} for name, to in fields.items()]


WAYS: Mapping[str, Way] = {
    "nothing": ([], ""),
    "signature": vector("signatures-exchanged"),
    "text after signing": ([{"in": "payload", "at": ["samples"], "do": "flip"}], vector("manifest-bit-flipped")[1]),
    "shards swapped": vector("shard-swapped"),
    "shard longer": (vector("shard-extended")[0], r"m does not deliver shard .*: wanted a shard of [0-9]+ bytes, got one of [0-9]+"),
    "not a number": vector("content-nan"),
    "another featurizer": vector("spec-featurizer-digest-other"),
    "bomb": (
        at_packed(data={"$compressed zeros": BOMB_BYTES}, compression="zstd", content_bytes=30_000),
        "shard features-00000.safetensors: wanted 30000 bytes after decompression, got more",
    ),
    "another campaign": vector("campaign-other"),
    "replay": (
        [{"in": "manifest", "at": ["sequence"], "do": "set", "to": 0}],
        r"replay: m used sequence 0 of [0-9a-f]+-s0 before, .*",
    ),
}
HONEST, MALICIOUS, RECEIVERS = "c", "m", ("a", "b")
STUDY = replace(
    exchange_runs.STUDY,
    partition=Shares(entities=(("a", 0.05), ("b", 0.04), ("c", 0.03), ("m", 0.03)), public=0.1, validation=0.2),
    arms=tuple(
        SharingArm(name=f"way {way}", method=RawFeatures(name=f"features-{number}"), senders=(HONEST, MALICIOUS), receivers=RECEIVERS)
        for number, way in enumerate(WAYS)
    ),
)


def tampered(task, nets, envelope, notary, operations):
    """An entity's own good release -> the envelope of the same, tampered with, which then lies in the entity's pool."""
    tamper = Tampering(operations)
    pool = Pool(task.site.pool, site=task.entity)
    release = notary.verify_own(envelope, task, nets.spec)
    manifest = release.manifest
    batch = decode(list(content(release, pool.shards(release))), nets.spec, classes=manifest.classes, samples=manifest.samples)
    one_sample = len(encode(batch)[0].data) // manifest.samples + 1
    several = encode(batch, max_shard_bytes=HEADER_BYTES + one_sample * (manifest.samples // 2))  # the first two of one size
    files = [tree_of(shard.data) for shard in several]
    tamper("content", files)
    packed = [
        {"name": f"features-{n:05d}.safetensors", "data": safetensors_file(one), "compression": "none", "content_bytes": 0}
        for n, one in enumerate(files)
    ]
    packed = [one | {"content_bytes": len(one["data"])} for one in packed]
    tamper("packed", packed)
    shards = [Shard(**one) for one in packed]
    plain = json.loads(envelope.payload) | {"shards": list(map(entry_of, packed))}
    tamper("manifest", plain)
    text = canonical(plain)
    signatures = Identity.open(task.site.identity).signing.sign(PAYLOAD_TYPE, text)
    if tamper.touches("payload"):
        tamper("payload", plain)
    signed = json.loads(Envelope(canonical(plain), PAYLOAD_TYPE, signatures).to_bytes())
    tamper("envelope", signed)
    made = Envelope.from_bytes(canonical(signed))
    said = SimpleNamespace(sender=task.entity, shards=tuple(map(ShardEntry.of, shards)))
    pool.publish(AuthenticRelease(said, made, PROOF), shards)
    served = [shard.data for shard in shards]
    tamper("served", served)
    for position, data in enumerate(served):
        (layout.release_folder(task.site.pool, made.digest) / layout.shard_name(position)).write_bytes(data)
    assert tamper.is_complete
    return made


def test_each_malformed_release_is_refused_with_its_reason_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def contributed(task, nets, method, sequence, notary):
        made = contribute(task, nets, method, sequence, notary)
        operations, _ = list(WAYS.values())[sequence]
        if task.entity != MALICIOUS or not operations:
            return made
        envelope = Envelope.from_bytes(made.envelope.encode())
        return replace(made, envelope=tampered(task, nets, envelope, notary, operations).to_bytes().decode())

    monkeypatch.setattr(small_study, "CHANGED", STUDY, raising=False)
    monkeypatch.setattr(handlers, "contribute", contributed)
    interpose(monkeypatch, straight)
    assert run("tests.small_study:CHANGED", "", "", tmp_path, in_process=True, cpus_per_client=1, exchange="grpc") == 0
    said, report = reasons(tmp_path), (tmp_path / "report.html").read_text()
    for entity in RECEIVERS:
        pool = Pool(tmp_path / "sites" / entity / "pool")
        pool.audit_log.verify()
        log = [str(entry.details["reason"]) for entry in pool.audit_log.entries() if entry.event == "refused"]
        assert len(log) == len(WAYS) - 1
        for way, (_, refused) in WAYS.items():
            if not refused:
                assert said[f"way {way}", entity] == ""
                continue
            assert sum(bool(re.fullmatch(refused, reason)) for reason in log) in (1, 2), (way, log)
            written = said[f"way {way}", entity].removeprefix(f"without the release of {MALICIOUS}: ")
            assert written != said[f"way {way}", entity]
            assert re.fullmatch(refused, written), (way, written)
        senders = [listing.sender for listing in pool.listing()]
        assert senders.count(HONEST) == len(WAYS)
    assert f"without the release of {MALICIOUS}: " in report
    assert left_behind(tmp_path) == []
    assert processes_in(tmp_path) == []
    cells = json.loads((tmp_path / "results.json").read_text())["cells"]
    peaks = {(cell["arm"], cell["entity"]): cell["costs"].get(MEMORY, 0.0) for cell in cells}  # 0 where nobody counts it
    assert all(peaks["way bomb", entity] <= peaks["way nothing", entity] + ROOM_BYTES for entity in RECEIVERS)
