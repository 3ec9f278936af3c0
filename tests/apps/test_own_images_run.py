"""A study whose sites bring images of their own, from their site files to the report; only the lines between the sites are left out."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.deployment import Deployment, site_text
from dpm_flower.apps.server import app as server_app
from dpm_flower.apps.simulated_exchanges import SITES
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.federation import handlers
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest
from dpm_flower.studies.results import Results
from dpm_flower.studies.results_files import read_results
from tests.federation.test_own_data import archive, folder_of

NAME = "tests.small_deployment:STUDY"
DIGITS = tuple(map(str, range(10)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: a site with an archive, and one with more images in a folder, of three classes, and no test set."""
    folder = tmp_path_factory.mktemp("own") / "run"
    deployment = Deployment.of(folder, NAME)
    consortium, names = deployment.consortium, deployment.study.partition.names
    consortium.found(names)
    own = {name: deployment.site_file(name).parent for name in names}
    archive(own["a"] / "own.npz", names=DIGITS, train=50, test=21)
    folder_of(own["b"] / "scans", ("0", "3", "7"), images=30)
    for name, images in (("a", "own.npz"), ("b", "scans")):
        text = site_text(deployment, name, "0" * 64) + f'[data]\nimages = "{images}"\n'
        deployment.site_file(name).write_text(text)
    with pytest.MonkeyPatch.context() as patched:
        pools = {name: consortium.site(name).pool for name in names}
        patched.setattr(handlers, "exchange_of", lambda *_: LocalExchange(pools))
        config = {"study": NAME, "data": "", "seeds": "", "output": str(folder), "exchange": SITES}
        grid = InProcessGrid(client_app, [{"site": str(deployment.site_file(name))} for name in names], config)
        server_app(grid, grid.server_context())
    return folder


@pytest.fixture
def results(run: Path) -> Results:
    return read_results(run)


def test_every_site_trains_and_is_judged_on_what_it_brought(results: Results, run: Path) -> None:
    assert not any(cell.reason for cell in results.cells)
    assert {name: test.images for name, test in results.facts.tests.items()} == {"a": 21, "b": 18}
    assert {name: round(test.trivial, 4) for name, test in results.facts.tests.items()} == {"a": round(3 / 21, 4), "b": round(6 / 18, 4)}
    rows = {(row.arm, row.entity): row for row in results.rows}
    assert (rows["own + poisoned", "a"].test_images, rows["own + poisoned", "b"].test_images) == (21, 18)
    shares = {name: next(cell.quality["top1"] for cell in results.cells if cell.entity == name) for name in "ab"}
    assert all(shares[name] * images == pytest.approx(round(shares[name] * images)) for name, images in (("a", 21), ("b", 18)))
    for name, samples in (("a", 40), ("b", 58)):
        envelopes = [
            Envelope.from_bytes(path.read_bytes()) for path in (run / "sites" / name / "pool" / "releases").glob("*/envelope.json")
        ]
        own = [one for one in map(Manifest.from_bytes, (envelope.payload for envelope in envelopes)) if one.sender == name]
        assert [(one.samples, one.classes) for one in own] == [(samples, 10)]


def test_every_site_pinned_its_images_once_for_all_phases(run: Path) -> None:
    assert sorted(path.parents[1].name for path in run.glob("sites/*/*/own-images.sha256")) == ["a", "b"]


def test_the_lead_is_the_site_that_brought_the_most_images(run: Path) -> None:
    (kept,) = (run / "campaign").glob("*pretrain*")
    with safe_open(kept, framework="pt") as file:
        assert json.loads((file.metadata() or {})["reply"])["entity"] == "b"  # of the study's images, a has more


def test_the_report_says_who_was_judged_on_what_and_shows_nobodys_images(results: Results, run: Path) -> None:
    assert dict(results.facts.brought) == {"a": 50, "b": 72}
    assert not results.facts.holdings
    report = (run / "report.html").read_text()
    assert "A brought 50 training and 21 test images of its own" in report
    assert "a, b brought images and are judged on test images of their own" in report
    assert "Original images and their reconstructions" not in report
