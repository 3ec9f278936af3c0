import socket
import ssl
import threading

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from dpm_flower.core.errors import SettingError
from dpm_flower.exchange.credentials import Credentials
from dpm_flower.exchange.exchange_pb2 import CatalogueRequest, FetchChunk, FetchRequest
from dpm_flower.exchange.messages import CATALOGUE, FETCH, MOST_TO_A_SERVER_BYTES, SERVICE, path
from dpm_flower.exchange.server import ExchangeServer
from tests.exchange.peers import Members, MemoryShelf, authority, entity, raw, released


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path / "ca")


@pytest.fixture
def ours(ca):
    return entity("entity-b", ca)


@pytest.fixture
def friend(ca):
    return entity("entity-a", ca)


@pytest.fixture
def told():
    return []


@pytest.fixture
def shelf():
    return MemoryShelf()


@pytest.fixture
def server(ours, told, shelf):
    with ExchangeServer("127.0.0.1:0", shelf, Members("entity-a"), lambda: ours, told=told.append) as running:
        yield running


def channel(server, credentials):
    options = [("grpc.ssl_target_name_override", "entity-b.entity.dpm"), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(server.address, credentials.of_a_channel(), options)


def port_of(server):
    return int(server.address.rpartition(":")[2])


def first_words(server, tmp_path, version, shown=None):
    """Speaks TLS of this version with the server, showing a certificate or none -> its first HTTP/2 frame; nothing if it hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    if shown is not None:
        (tmp_path / "chain").write_bytes(shown.certificate_chain + shown.private_key)
        context.load_cert_chain(tmp_path / "chain")
    try:
        with socket.create_connection(("127.0.0.1", port_of(server)), 60) as line, context.wrap_socket(line) as secured:
            secured.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))  # the preface, and empty settings
            return secured.recv(9)
    except TimeoutError:
        raise
    except OSError:
        return b""


def test_a_friend_gets_through_the_handshake(server, friend, tmp_path):
    """Else the refusals below would prove nothing."""
    assert first_words(server, tmp_path, ssl.TLSVersion.TLSv1_3, friend)[3] == 4  # the server's settings


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_a_certificate_the_handshake_fails(server, told, tmp_path, version):
    assert first_words(server, tmp_path, version) == b""
    assert told == []


def test_with_another_authoritys_certificate_the_handshake_fails(server, told, tmp_path):
    stranger = entity("entity-a", authority(tmp_path / "other"))
    assert first_words(server, tmp_path, ssl.TLSVersion.TLSv1_3, stranger) == b""
    assert told == []


def test_tls_1_2_is_refused_although_the_certificate_is_good(server, friend, told, tmp_path):
    assert first_words(server, tmp_path, ssl.TLSVersion.TLSv1_2, friend) == b""
    assert told == []


def test_plain_text_is_refused(server, told):
    with grpc.insecure_channel(server.address) as plain, pytest.raises(grpc.RpcError) as refused:
        plain.unary_unary(path(CATALOGUE))(b"", timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert told == []


@pytest.mark.parametrize("call", [path(CATALOGUE), path(FETCH), path("Publish"), path("Withdraw"), "/grpc.health.v1.Health/Check"])
def test_a_valid_certificate_that_is_not_on_the_roster_is_refused_before_the_request_is_read(server, ca, friend, told, call):
    code, words = raw(server.address, entity("entity-z", ca), call, request=b"\xff garbage")
    assert (code, words) == (grpc.StatusCode.PERMISSION_DENIED, "entity-z is not on the roster")
    assert [(one.peer, one.call, one.refusal) for one in told] == [("entity-z", call.rpartition("/")[2], "entity-z is not on the roster")]
    code, words = raw(server.address, friend, call, request=b"\xff garbage")  # of a member it is read
    assert code is grpc.StatusCode.INVALID_ARGUMENT or "no relay" in words
    assert "roster" not in words


def test_who_is_not_on_the_roster_is_refused_before_any_request_is_sent(server, ca):
    hold = threading.Event()

    def never():
        hold.wait(60)
        yield from ()

    with channel(server, entity("entity-z", ca)) as line, pytest.raises(grpc.RpcError) as refused:
        list(line.stream_stream(path(FETCH))(never(), timeout=60))
    hold.set()
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_revocation_counts_at_the_next_call_of_a_line_that_is_open(ours, friend, shelf):
    members = Members("entity-a")
    request = CatalogueRequest(campaign="c").SerializeToString()
    with ExchangeServer("127.0.0.1:0", shelf, members, lambda: ours) as server, channel(server, friend) as line:
        ask = line.unary_stream(path(CATALOGUE))
        assert list(ask(request, timeout=60)) == []
        members.names.clear()
        with pytest.raises(grpc.RpcError) as refused:
            list(ask(request, timeout=60))
    assert refused.value.details() == "entity-a is not on the roster"


@pytest.mark.parametrize("timeout", [None, 1e6])
def test_a_call_without_a_near_deadline_is_refused(server, friend, timeout):
    code, words = raw(server.address, friend, CATALOGUE, CatalogueRequest(campaign="c").SerializeToString(), timeout)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "wanted a deadline of at most" in words


def test_a_request_longer_than_any_is_not_taken_in(server, friend, told):
    assert raw(server.address, friend, CATALOGUE, bytes(MOST_TO_A_SERVER_BYTES + 1))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert told == [] or told[0].refusal


def test_health_is_told_to_members_by_the_usual_protocol(server, friend):
    with channel(server, friend) as line:
        stub = HealthStub(line)
        for name in ("", SERVICE):
            assert stub.Check(HealthCheckRequest(service=name), timeout=60).status == HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as refused:
            stub.Check(HealthCheckRequest(service="another"), timeout=60)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert next(iter(stub.Watch(HealthCheckRequest(service="another"), timeout=60))).status == HealthCheckResponse.SERVICE_UNKNOWN


def test_stopping_tells_watchers_lets_transfers_end_and_takes_no_new_calls(ours, friend, shelf):
    shelf.chunk_bytes = 1 << 20
    release, shards = released(bytes(24 << 20))  # more than the two sides buffer
    shelf.put(release, shards)
    server = ExchangeServer("127.0.0.1:0", shelf, Members("entity-a"), lambda: ours)
    server.start()
    with channel(server, friend) as line:
        watch = HealthStub(line).Watch(HealthCheckRequest(service=SERVICE), timeout=60)
        assert next(watch).status == HealthCheckResponse.SERVING
        fetch = line.unary_stream(path(FETCH))
        running = fetch(FetchRequest(digest=release.digest).SerializeToString(), timeout=60)
        first = next(running)
        stopping = threading.Thread(target=server.stop, args=[60])
        stopping.start()
        assert next(watch).status == HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as refused:
            next(fetch(FetchRequest(digest=release.digest).SerializeToString(), timeout=60))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        chunks = [FetchChunk.FromString(one).data for one in (first, *running)]
        stopping.join(60)
    assert b"".join(chunks) == shards[0].data
    assert not stopping.is_alive()


def test_what_does_not_end_in_time_is_cut(ours, friend, shelf):
    shelf.chunk_bytes = 1 << 20
    release, shards = released(bytes(24 << 20))
    shelf.put(release, shards)
    server = ExchangeServer("127.0.0.1:0", shelf, Members("entity-a"), lambda: ours)
    server.start()
    with channel(server, friend) as line:
        running = line.unary_stream(path(FETCH))(FetchRequest(digest=release.digest).SerializeToString(), timeout=60)
        next(running)
        server.stop(0.1)
        with pytest.raises(grpc.RpcError):
            list(running)


def test_an_address_that_is_taken_is_refused(server, ours, shelf):
    with pytest.raises(SettingError, match=f"cannot listen on {server.address}"):
        ExchangeServer(server.address, shelf, Members(), lambda: ours)


def test_credentials_that_cannot_be_read_make_no_server(shelf):
    def unreadable() -> Credentials:
        raise SettingError("cannot read the certificate")

    with pytest.raises(SettingError, match="cannot read the certificate"):
        ExchangeServer("127.0.0.1:0", shelf, Members(), unreadable)
