"""A whole run whose lines are cut in the middle of every release comes to the figures of one in which nothing happens."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.exchange.line import PeerEndpoint
from tests.apps.exchange_runs import NAME, PATIENT, interpose, left_behind, own_releases, quality_of, reasons
from tests.exchange.cutting import Proxy

pytestmark = pytest.mark.soak  # whole runs; the exchange alone is tried in this way in tests/exchange, at every change

PARTS = (0.3, 0.9)  # of a release's bytes, which have come when the line is cut


def test_lines_cut_at_30_and_at_90_percent_of_each_release_change_no_figure(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = []

    @contextmanager
    def way(release, endpoint):
        cuts = [int(part * release.manifest.size_bytes) for part in PARTS]
        with Proxy(int(endpoint.address.rpartition(":")[2]), cuts) as proxy:
            yield PeerEndpoint(endpoint.name, proxy.address), PATIENT
        connections.append(proxy.connections)

    interpose(monkeypatch, way)
    assert run(NAME, "", "", tmp_path, in_process=True, cpus_per_client=1, exchange="grpc") == 0
    assert len(connections) == 2 * 6  # two methods, and six pairs of a receiver and a sender
    assert min(connections) == 1 + len(PARTS)
    assert quality_of(tmp_path) == quality_of(small_run)
    assert set(reasons(tmp_path).values()) == {""}
    assert list(own_releases(tmp_path).values()) == [1] * 6
    assert left_behind(tmp_path) == []
