"""A deployment on one machine, from keys to results: every process and every check that institutions would have between them."""

import json
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from dpm_flower.apps.audit_again import Again
from dpm_flower.apps.audit_command import audit
from dpm_flower.apps.deploy_demo import deploy
from dpm_flower.apps.deployment import KEPT_NAME, Deployment, prepare, site_text
from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import SettingError, StudyError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime.consortium import Consortium
from dpm_flower.regime.site_file import read_site_file
from tests.deployed import STUDY, deployment_in, undisturbed


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


def test_two_sites_share_what_only_they_can_read_and_their_figures_are_those_of_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert (tmp_path / "run" / "quality.csv").read_bytes() == undisturbed(Deployment.of(tmp_path / "run"), tmp_path / "in-process")
    the_owner_can_look_at_what_its_releases_tell(tmp_path / "run" / "sites" / "a", capsys)


def the_owner_can_look_at_what_its_releases_tell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = folder / "site.toml"
    (found,) = folder.glob("*/audits/*.json")
    left_under, before = found.read_bytes(), json.loads(found.read_text())
    assert audit(site, "", None) == 0
    assert "headline" in capsys.readouterr().out
    page = found.with_name("leakage.html").read_text()
    assert page.count("data:image/png") == 2 * len(before["attacks"])
    # anew, from what lies in the pool and can be opened with its own key
    assert audit(site, "", Again(study=STUDY, attacks="tests.small_deployment:LINKED")) == 0
    again = json.loads(found.with_name(f"{found.stem}.again-1.json").read_text())
    assert [one["scores"] for one in again["attacks"]] == [one["scores"] for one in before["attacks"]]
    assert len(again["links"]) == 1
    assert found.read_bytes() == left_under
    assert audit(site, "none-such", None) == 1
    assert "a campaign in which this site made a release, got 'none-such'" in capsys.readouterr().err


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


def test_the_same_folder_is_the_same_deployment(tmp_path: Path) -> None:
    made = deployment_in(tmp_path / "run")

    def kept() -> dict[Path, bytes]:
        files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in files if path.suffix != ".crt" or path.name == "ca.crt"}

    before = kept()
    again = Deployment.of(tmp_path / "run")
    assert again == made
    prepare(again)
    assert kept() == before  # keys, roster, ports and settings stay; certificates are signed anew
    with pytest.raises(StudyError, match=r"keeps a deployment of tests\.small_deployment:STUDY, wanted one of simulations\.deployment"):
        Deployment.of(tmp_path / "run", "simulations.deployment")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"folder": "/"}'])
def test_a_damaged_deployment_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / KEPT_NAME).write_text(text)
    with pytest.raises(StudyError, match=f"{KEPT_NAME} is damaged"):
        Deployment.of(tmp_path)


def test_keys_of_a_run_that_was_no_deployment_are_left_alone(tmp_path: Path) -> None:
    Consortium(tmp_path).found(["a", "b"])
    with pytest.raises(StudyError, match="no deployment"):
        deployment_in(tmp_path)
    assert not (tmp_path / KEPT_NAME).exists()


def test_two_at_once_in_a_folder_are_refused(tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StudyError, match="another run"):
        deploy(Deployment.of(tmp_path, STUDY), Console(quiet=True))
    assert not (tmp_path / KEPT_NAME).exists()
