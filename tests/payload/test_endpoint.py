import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.endpoint import address, check_not_anothers, host_and_port, is_host

PORTS = st.integers(1, 65535)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["localhost", "a", "xn--a.example.org", "entity-a.entity.dpm", "1a.b2"]) | st.ip_addresses(v=4).map(str), PORTS)
def test_names_and_ipv4_addresses(host, port):
    assert host_and_port(f"{host}:{port}") == (host, port)


@settings(max_examples=30, deadline=None)
@given(st.ip_addresses(v=6).filter(lambda found: found.ipv4_mapped is None), PORTS)
def test_ipv6_addresses_stand_in_brackets(found, port):
    assert host_and_port(f"[{found}]:{port}") == (str(found), port)
    assert address(str(found)) == found
    if found.exploded != str(found):
        assert address(found.exploded) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "host:01",
        "host:+1",
        "host:１",
        "Host:1",
        "host.:1",
        "a..b:1",
        "-a:1",
        "*.example.org:1",
        "a_b:1",
        "a/b:1",
        "user@host:1",
        "a b:1",
        "::1:1",
        "[localhost]:1",
        "[::1:1",
        "[0:0::1]:1",
        "[::ffff:10.0.0.1]:1",
        "[fe80::1%eth0]:1",
        "10.0.0.01:1",
        "10.0.1:1",
        "1.2.3.256:1",
        f"{'a.' * 127}a:1",
        7,
    ],
)
def test_other_endpoints_are_refused(endpoint):
    with pytest.raises(ReleaseError, match="host:port"):
        host_and_port(endpoint)


def test_an_address_is_no_name():
    assert address("10.0.0.1") == ipaddress.ip_address("10.0.0.1")
    assert address("localhost") is None
    assert is_host("localhost")
    assert not is_host("10.0.0")


@pytest.mark.parametrize("host", ["b.entity.dpm", "b.a.entity.dpm"])
def test_a_host_under_another_entitys_name_is_refused(host):
    check_not_anothers("a.entity.dpm", "a")
    check_not_anothers("entity.dpm.example.org", "a")
    with pytest.raises(ReleaseError, match="may not answer as"):
        check_not_anothers(host, "a")
