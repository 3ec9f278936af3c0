"""A deployment on one machine, from keys to results: every process and every check that institutions would have between them."""

import json
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from dpm_flower.apps.deploy_demo import Deployment, deploy, site_text
from dpm_flower.core.errors import SettingError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime.site_file import read_site_file

STUDY = "tests.small_deployment:STUDY"


def processes_about(folder: Path) -> list[bytes]:
    """The command lines that name a folder; a process that ends meanwhile is none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line:
            found.append(line)
    return found


def test_two_sites_share_what_only_they_can_read_and_everything_ends(tmp_path: Path) -> None:
    results = deploy(Deployment.of(tmp_path / "run", STUDY), Console(quiet=True))
    figures = {cell.entity: cell for cell in results.cells if cell.arm == "own + poisoned"}
    assert sorted(figures) == ["a", "b"]
    assert not any(cell.reason for cell in figures.values())
    assert not processes_about(tmp_path)
    for name, peer in (("a", "b"), ("b", "a")):
        pool = tmp_path / "run" / "sites" / name / "pool"
        log = [json.loads(line) for line in (pool / "audit-log.jsonl").read_text().splitlines()]
        assert peer in [entry["details"].get("peer") for entry in log if entry["event"] == "served"]
        envelopes = [Envelope.from_bytes(path.read_bytes()) for path in (pool / "releases").glob("*/envelope.json")]
        manifests = [Manifest.from_bytes(envelope.payload) for envelope in envelopes]
        assert {(manifest.sender, manifest.encryption) for manifest in manifests} == {(one, "aes-256-gcm-segments") for one in "ab"}
        assert all(len(envelope.signatures) == 2 for envelope in envelopes)


def test_a_site_file_allows_this_study_and_bundle_and_nothing_else(tmp_path: Path) -> None:
    deployment = Deployment.of(tmp_path, STUDY)
    path = tmp_path / "site.toml"
    path.write_text(site_text(deployment, "a", "0" * 64))
    policy = read_site_file(path).policy
    assert (policy.studies, policy.methods, policy.bundles) == (("small-deployment",), ("deep-poisoning",), ("0" * 64,))
    path.write_text(site_text(deployment, "a", "no digest"))
    with pytest.raises(SettingError, match="SHA-256"):
        read_site_file(path)
    assert tomllib.loads(site_text(deployment, "b", "0" * 64))["entity"] == "b"
