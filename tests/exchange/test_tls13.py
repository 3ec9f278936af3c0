import ssl
import subprocess
import sys

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import Credentials
from dpm_flower.exchange.server import ExchangeServer
from dpm_flower.exchange.tls13 import accepts, require_tls13
from tests.exchange.peers import Members, MemoryShelf, authority, entity


@pytest.fixture
def credentials(tmp_path):
    return entity("entity-b", authority(tmp_path / "ca"))


def test_good_credentials_make_a_server_that_speaks_tls_1_3_only(credentials):
    require_tls13(lambda: credentials)
    with ExchangeServer("127.0.0.1:0", MemoryShelf(), Members(), lambda: credentials) as server:
        port = int(server.address.rpartition(":")[2])
        assert accepts(port, ssl.TLSVersion.TLSv1_3)
        assert not accepts(port, ssl.TLSVersion.TLSv1_2)


@pytest.mark.parametrize(
    ("first", "said"),
    [("import grpc", ["gRPC accepts TLS 1.2 in this process"] * 2), ("import dpm_flower.exchange", ["nothing wrong"] * 2)],
)
def test_a_process_in_which_grpc_was_there_first_is_refused(tmp_path, credentials, first, said):
    """Somebody else's TLS, asked in a process of its own."""
    for name in ("private_key", "certificate_chain", "authorities"):
        (tmp_path / name).write_bytes(getattr(credentials, name))
    program = f"""{first}
import sys
from pathlib import Path
from random import Random
from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.exchange.credentials import Credentials
from dpm_flower.exchange.grpc_exchange import GrpcExchange
from dpm_flower.exchange.line import PeerEndpoint
from dpm_flower.exchange.retries import Patience
from dpm_flower.exchange.tls13 import require_tls13
credentials = Credentials(*((Path({str(tmp_path)!r}) / name).read_bytes() for name in sys.argv[1:]))
peers, patience = lambda name: PeerEndpoint(name, "127.0.0.1:1"), Patience(start_s=0.1)
client = GrpcExchange(peers=peers, credentials=lambda: credentials, rng=Random(0), patience=patience)
for act in (lambda: require_tls13(lambda: credentials), lambda: list(client.catalogue("entity-b", "c"))):
    try:
        act()
        print("nothing wrong")
    except SettingError as err:
        print(err)
    except ReleaseError as err:
        print("nothing wrong but that nobody is there")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, "private_key", "certificate_chain", "authorities"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    lines = ran.stdout.splitlines()
    assert [expected in line for expected, line in zip(said, lines, strict=True)] == [True, True]


@pytest.mark.parametrize("part", ["private_key", "certificate_chain"])
def test_a_key_and_a_certificate_that_do_not_belong_together_are_refused(tmp_path, credentials, part):
    other = entity("entity-b", authority(tmp_path / "other"))
    mixed = {"private_key": credentials.private_key, "certificate_chain": credentials.certificate_chain} | {part: getattr(other, part)}
    with pytest.raises(SettingError, match=r"no TLS 1\.3 with this key and certificate|cannot try out TLS"):
        require_tls13(lambda: Credentials(**mixed, authorities=credentials.authorities))


def test_files_that_are_no_pem_are_refused():
    with pytest.raises(SettingError, match=r"no TLS 1\.3 with this key and certificate|cannot try out TLS"):
        require_tls13(lambda: Credentials(b"no key", b"no certificate", b"no authority"))


def test_a_process_that_serves_needs_no_torch():
    program = "import dpm_flower.exchange.server, dpm_flower.exchange.grpc_exchange, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True).stdout == "False\n"
