"""How an entity gets its peers' releases: what its site file says of the exchange is what it has."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from flwr.app import Context, RecordDict

from dpm_flower.core.errors import StudyError
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.federation.standings import PEER_BACK_S, exchange_of
from tests.federation.standing_in import STUDY

SITE_FILE = """
entity = "a"
folder = "store"
identity.folder = "identity"
trust = {roster = "roster.toml", lock = "roster.lock", ca = "ca.crt"}
exchange = {listen = "127.0.0.1:0", certificate = "tls.crt"%s}
flower = {superlink = "127.0.0.1:1", root_certificates = "superlink.crt"}
"""
TASK = cast("Any", SimpleNamespace(study=STUDY, entity="a"))
STANDING = cast("Any", SimpleNamespace(identity=SimpleNamespace(tls_key_pem=lambda: b""), roster=None))
RETURN_S = 120.0  # within which a service manager's exchange serves again


def context(node, **run):
    return Context(run_id=0, node_id=1, node_config=node, state=RecordDict(), run_config=run)


@pytest.mark.parametrize(("more", "bytes_per_s"), [("", 1e5), (", min_mb_per_s = 2.5", 2.5e6)])
def test_a_deployed_site_waits_for_a_peer_whose_exchange_is_started_anew(tmp_path, more, bytes_per_s):
    (tmp_path / "site.toml").write_text(SITE_FILE % more)
    exchange = exchange_of(TASK, context({"site": str(tmp_path / "site.toml")}), STANDING)
    assert isinstance(exchange, GrpcExchange)
    assert exchange.patience.start_s == PEER_BACK_S > 2 * RETURN_S
    assert exchange.patience.least_bytes_per_s == bytes_per_s
    assert exchange.patience.deadline_s(10_000_000) == PEER_BACK_S + 1e7 / bytes_per_s


def test_a_simulation_has_the_exchange_that_its_run_says(tmp_path):
    for said, kind in (({}, LocalExchange), ({"exchange": "local"}, LocalExchange), ({"exchange": "grpc"}, GrpcExchange)):
        assert isinstance(exchange_of(TASK, context({}, output=str(tmp_path), **said), STANDING), kind)
    with pytest.raises(StudyError, match='"local" or "grpc", got \'pigeons\''):
        exchange_of(TASK, context({}, output=str(tmp_path), exchange="pigeons"), STANDING)
