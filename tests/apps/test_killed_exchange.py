"""An exchange that is killed while a peer fetches from it: started again, it is fetched from on; else its entity is gone without."""

import random
import re
from contextlib import contextmanager

import pytest

from dpm_flower.apps.simulated_exchanges import exchanges
from dpm_flower.apps.study_command import run
from dpm_flower.exchange import layout
from dpm_flower.exchange.credentials import CredentialFiles
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.pool import Pool
from dpm_flower.exchange.retries import Patience
from dpm_flower.payload.identity import Identity
from dpm_flower.regime.consortium import Consortium
from tests.apps.exchange_runs import ARMS, NAME, PATIENT, Servers, interpose, left_behind, processes_in, reasons, straight
from tests.exchange.cutting import Proxy
from tests.exchange.examples import of_one_shard

SIZE = 24 << 20  # more than the two sides buffer


@pytest.fixture
def servers(tmp_path):
    found = Servers(tmp_path)
    yield found
    found.end()


def test_one_that_is_started_again_is_fetched_from_where_the_line_broke(tmp_path, servers):
    release, shards = of_one_shard(random.Random(1).randbytes(SIZE), sender="b")

    def killed():
        servers.start("b", servers.kill("b"))

    with exchanges("grpc", tmp_path, ("a", "b")):
        consortium = Consortium(tmp_path)
        a, b = consortium.site("a"), consortium.site("b")
        Pool(b.pool).publish(release, shards)
        files = CredentialFiles(Identity.open(a.identity).tls_key_pem, consortium.certificate("a"), consortium.authority)
        with Proxy(int(consortium.address("b").read_text().rpartition(":")[2]), [SIZE // 2], killed) as proxy:
            exchange = GrpcExchange(
                peers=lambda name: PeerEndpoint(name, proxy.address), credentials=files, rng=random.Random(0), patience=PATIENT
            )
            exchange.fetch(release, Pool(a.pool))
        servers.end()
    assert (layout.release_folder(a.pool, release.digest) / layout.shard_name(0)).read_bytes() == shards[0].data
    assert SIZE < proxy.passed < SIZE + SIZE // 4  # no more twice than was on its way: from the beginning it would be half of all
    assert proxy.connections >= 2
    assert left_behind(tmp_path) == []
    assert processes_in(tmp_path) == []


@pytest.mark.soak  # a whole run; at every change tests/exchange tries it on the exchange alone
def test_one_that_stays_away_is_given_up_after_its_deadline_and_the_run_ends_with_the_rest(tmp_path, servers, monkeypatch):
    cut = []

    @contextmanager
    def way(release, endpoint):
        if release.manifest.sender != "b":
            with straight(release, endpoint) as usual:
                yield usual
            return
        if cut:
            yield endpoint, Patience(start_s=1.0, first_wait_s=0.05, longest_wait_s=0.2)
            return
        port, half = int(endpoint.address.rpartition(":")[2]), release.manifest.size_bytes // 2
        with Proxy(port, [half], lambda: cut.append(servers.kill("b"))) as proxy:  # in time, however busy the machine is
            yield PeerEndpoint("b", proxy.address), Patience(start_s=6.0, first_wait_s=0.05, longest_wait_s=0.2)

    interpose(monkeypatch, way)
    assert run(NAME, "", "", tmp_path, in_process=True, cpus_per_client=1, exchange="grpc") == 0
    assert len(cut) == 1
    said = reasons(tmp_path)
    for arm in ARMS:
        for entity in "ac":
            reason = r"without the release of b: b does not deliver shard .* not within [16]\.\d+ s; the last try: [A-Z_]+: .*"
            assert re.fullmatch(reason, said[arm, entity])
        assert said[arm, "b"] == ""
    assert "without the release of b" in (tmp_path / "report.html").read_text()
    assert left_behind(tmp_path) == []
    assert processes_in(tmp_path) == []
