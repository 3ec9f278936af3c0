from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from dpm_flower.apps.doctor.certificate import AUTHORITY, DATES, KEY, NAMES, certificate_findings
from dpm_flower.payload.certificates import certificate_request, entity_names
from dpm_flower.payload.development_ca import DevelopmentCa
from dpm_flower.payload.identity import CARD_NAME, REQUEST_NAME, Identity
from tests.apps.doctor.world import DAY, NOW, World


def marks(world: World, now: int = NOW) -> list[str]:
    found = world.found(certificate_findings, now)
    assert list(found) == [NAMES, KEY, AUTHORITY, DATES]
    return [one.mark for one in found.values()]


def test_a_good_certificate_is_found_good(world: World) -> None:
    assert marks(world) == ["ok"] * 4
    names = world.found(certificate_findings)[NAMES].found
    assert "a.entity.dpm" in names
    assert "dpm-flower://entity/a" in names


def test_one_of_another_entity_is_wrong(world: World) -> None:
    world.change(('"a.crt"', '"b.crt"'))
    assert marks(world) == ["wrong", "wrong", "ok", "ok"]
    found = world.found(certificate_findings)
    assert found[NAMES].found == "wanted a certificate of a, got one of b"
    assert "dpm-flower ca sign " in found[NAMES].remedy


def test_one_for_another_key_of_the_same_entity_is_wrong(world: World) -> None:
    other = Identity.generate("a", "localhost:1", now=NOW, post_quantum=False)
    request = certificate_request(other.tls, "a", entity_names("a", "localhost"))
    (world.folder / "a.crt").write_bytes(world.ca.sign(request, other.card, now=NOW))
    assert marks(world) == ["ok", "wrong", "ok", "ok"]


def test_a_hosts_certificate_is_none_of_an_entity(world: World) -> None:
    (world.folder / "a.crt").write_bytes(world.ca.sign_host(world.folder / "host", ("localhost",), now=NOW))
    assert marks(world) == ["wrong", "wrong", "ok", "ok"]


def signed(world: World, *names: x509.GeneralName, uses: list[x509.ObjectIdentifier]) -> bytes:
    """What another authority could sign for a's key, with these names and for these uses."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(world.ca.certificate.subject).serial_number(1)
    builder = builder.public_key(world.identities["a"].tls.public_key())
    builder = builder.not_valid_before(datetime.fromtimestamp(NOW - 60, UTC)).not_valid_after(datetime.fromtimestamp(NOW + 90 * DAY, UTC))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False).sign(world.ca.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_one_without_the_name_that_peers_ask_for_or_for_one_side_only_is_wrong(world: World) -> None:
    uri, dns = x509.UniformResourceIdentifier("dpm-flower://entity/a"), x509.DNSName("a.entity.dpm")
    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    for names, uses, said in (
        ((uri, dns), [server, client], ""),
        ((uri, x509.DNSName("localhost")), [server, client], "wanted the name a.entity.dpm"),
        ((uri, dns), [server], "not for clients"),
    ):
        (world.folder / "a.crt").write_bytes(signed(world, *names, uses=uses))
        found = world.found(certificate_findings)
        assert [one.mark for one in found.values()] == ["wrong" if said else "ok", "ok", "ok", "ok"]
        assert said in found[NAMES].found


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"x" * (2 << 20)])
def test_without_a_certificate_nothing_else_about_it_is_said(world: World, content: bytes | None) -> None:
    path = world.folder / "a.crt"
    path.unlink() if content is None else path.write_bytes(content)
    assert marks(world) == ["wrong", "skipped", "skipped", "skipped"]


def test_without_a_card_the_key_cannot_be_compared(world: World) -> None:
    (world.folder / "a" / CARD_NAME).unlink()
    assert marks(world) == ["ok", "skipped", "ok", "ok"]


def test_another_authority_is_wrong(world: World) -> None:
    DevelopmentCa.create(world.folder / "other", "another", now=NOW)
    world.change(('ca/ca.crt"\n[exchange]', 'other/ca.crt"\n[exchange]'))
    assert marks(world) == ["ok", "ok", "wrong", "ok"]
    (world.folder / "other" / "ca.crt").unlink()
    assert marks(world) == ["ok", "ok", "wrong", "ok"]


@pytest.mark.parametrize(("days", "mark"), [(-1, "wrong"), (75, "ok"), (77, "warning"), (91, "wrong")])
def test_a_certificate_lasts_90_days_and_is_to_be_renewed_two_weeks_before(world: World, days: int, mark: str) -> None:
    assert marks(world, NOW + days * DAY) == ["ok", "ok", "ok", mark]


def test_it_ends_with_its_authority(world: World) -> None:
    """An authority signs nothing beyond its own end, and this one ends in five days."""
    short = DevelopmentCa.create(world.folder / "short", "short", now=NOW - 5 * DAY, days=10)
    card, request = world.identities["a"].card, (world.folder / "a" / REQUEST_NAME).read_bytes()
    (world.folder / "a.crt").write_bytes(short.sign(request, card, now=NOW))
    world.change(('ca/ca.crt"\n[exchange]', 'short/ca.crt"\n[exchange]'))
    assert marks(world) == ["ok", "ok", "ok", "warning"]
