import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from dpm_flower.core.errors import OutputError, ReleaseError, SettingError
from dpm_flower.payload.certificates import (
    SubjectNames,
    certificate_request,
    entity_names,
    entity_of,
    not_after,
    read_certificate,
)
from dpm_flower.payload.certificates import spki as spki_of
from dpm_flower.payload.development_ca import CA_DAYS, DAY_S, DAYS, SKEW_S, DevelopmentCa
from dpm_flower.payload.key_files import read_closed
from tests.payload.identities import MADE_AT, identity, quick_lock

NOW = MADE_AT
OWNER = identity()
NAMES = entity_names("entity-a", "entity-a.example.org")


def request(key=OWNER.tls, names=NAMES):
    return certificate_request(key, "entity-a", names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca") / "ca"
    DevelopmentCa.create(folder, "a CA", now=NOW)
    return folder


@pytest.fixture(scope="module")
def ca(folder):
    return DevelopmentCa.open(folder)


def policy(ca, now):
    return PolicyBuilder().store(Store([ca.certificate])).time(datetime.fromtimestamp(now, UTC))


def holds(ca, pem, host, now):
    """Whether the strict verifier of the web takes the certificate, as a client's and as the server's of that name."""
    leaf = read_certificate(pem)
    try:
        policy(ca, now).build_client_verifier().verify(leaf, [])
        policy(ca, now).build_server_verifier(x509.DNSName(host)).verify(leaf, [])
    except VerificationError:
        return False
    return True


def test_a_signed_certificate_names_its_entity_and_holds_for_its_time(ca):
    made = ca.sign(request(), OWNER.card, now=NOW)
    assert entity_of(made) == "entity-a"
    assert spki_of(made) == OWNER.card.tls_spki
    assert not_after(made) == NOW + DAYS * DAY_S
    for host in ("entity-a.entity.dpm", "entity-a.example.org"):
        assert holds(ca, made, host, NOW)
    assert not holds(ca, made, "entity-b.entity.dpm", NOW)
    assert not holds(ca, made, "entity-a.entity.dpm", NOW + DAYS * DAY_S + 1)


def test_another_cas_certificate_does_not_hold(ca, tmp_path):
    other = DevelopmentCa.create(tmp_path / "other", "a CA", now=NOW)
    assert not holds(ca, other.sign(request(), OWNER.card, now=NOW), "entity-a.entity.dpm", NOW)


def test_openssl_takes_what_it_signs(ca, folder, tmp_path):
    (tmp_path / "a.crt").write_bytes(ca.sign(request(), OWNER.card, now=NOW))
    for purpose in ("sslserver", "sslclient"):
        arguments = ["openssl", "verify", "-x509_strict", "-attime", str(NOW), "-purpose", purpose, "-CAfile", folder / "ca.crt"]
        done = subprocess.run([*arguments, tmp_path / "a.crt"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_ca_may_sign_holders_and_no_further_ca(ca):
    constraints = ca.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert usage.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert (usage.value.key_cert_sign, usage.value.digital_signature) == (True, False)
    assert not_after(ca.certificate_pem) == NOW + CA_DAYS * DAY_S


def test_a_holder_may_not_sign(ca):
    extensions = read_certificate(ca.sign(request(), OWNER.card, now=NOW)).extensions
    constraints, usage = (extensions.get_extension_for_class(kind) for kind in (x509.BasicConstraints, x509.KeyUsage))
    assert not constraints.value.ca
    assert constraints.critical
    assert (usage.value.key_cert_sign, usage.value.digital_signature) == (False, True)


def test_no_certificate_outlives_its_ca_or_begins_before_it(tmp_path):
    ca = DevelopmentCa.create(tmp_path / "ca", "a CA", now=NOW, days=10)
    made = ca.sign(request(), OWNER.card, now=NOW, days=90)
    assert not_after(made) == not_after(ca.certificate_pem) == NOW + 10 * DAY_S
    begins = {int(read_certificate(pem).not_valid_before_utc.timestamp()) for pem in (made, ca.certificate_pem)}
    assert begins == {NOW - SKEW_S}
    for now in (NOW - SKEW_S - 1, NOW + 10 * DAY_S):
        with pytest.raises(ReleaseError, match="this CA signs from"):
            ca.sign(request(), OWNER.card, now=now)


def test_serial_numbers_differ(ca):
    first, second = (read_certificate(ca.sign(request(), OWNER.card, now=NOW)) for _ in range(2))
    assert first.serial_number != second.serial_number


P384 = ec.generate_private_key(ec.SECP384R1())
FOREIGN = SubjectNames((*NAMES.dns, "entity-b.entity.dpm"), (), NAMES.uris)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (request(names=FOREIGN), "wanted a request for exactly"),
        (request(names=entity_names("entity-b", "entity-a.example.org")), "wanted a request for exactly"),
        (request(names=entity_names("entity-a", "b.example.org")), "wanted a request for exactly"),
        (request(names=SubjectNames(NAMES.dns, (), ())), "wanted a request for exactly"),
        (request(names=SubjectNames(NAMES.dns, ("10.0.0.1",), NAMES.uris)), "wanted a request for exactly"),
        (request(names=SubjectNames(NAMES.dns[:1], (), NAMES.uris)), "wanted a request for exactly"),
        (request(identity("entity-b").tls), "not the TLS key on the card"),
        (request(P384), "ECDSA P-256"),
        (b"x", "wanted a certificate request"),
    ],
)
def test_requests_that_do_not_keep_to_the_card_are_refused(ca, asked, said):
    with pytest.raises(ReleaseError, match=said):
        ca.sign(asked, OWNER.card, now=NOW)


def test_a_request_with_a_key_of_another_kind_is_refused(ca):
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    extension = x509.load_pem_x509_csr(request()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    asked = builder.add_extension(extension.value, critical=False).sign(key, None).public_bytes(Encoding.PEM)
    with pytest.raises(ReleaseError, match="ECDSA P-256, got Ed25519"):
        ca.sign(asked, OWNER.card, now=NOW)


@pytest.mark.parametrize("days", [0, -1, 399])
def test_other_numbers_of_days_are_refused(ca, days, tmp_path):
    with pytest.raises(SettingError, match="days must be from 1 to 398"):
        ca.sign(request(), OWNER.card, now=NOW, days=days)
    with pytest.raises(SettingError, match="days must be from 1 to 3650"):
        DevelopmentCa.create(tmp_path / "ca", "a CA", now=NOW, days=days * 10)


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_other_names_of_a_ca_are_refused(tmp_path, name):
    with pytest.raises(SettingError, match="a CA's name"):
        DevelopmentCa.create(tmp_path / "ca", name, now=NOW)


def test_a_hosts_key_and_certificate(ca, folder, tmp_path):
    made = ca.sign_host(tmp_path / "host", ("superlink.example.org", "localhost", "127.0.0.1"), now=NOW)
    assert (tmp_path / "host" / "host.crt").read_bytes() == made
    assert (tmp_path / "host" / "host.key").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" in read_closed(tmp_path / "host" / "host.key")
    assert holds(ca, made, "localhost", NOW)
    assert holds(ca, made, "superlink.example.org", NOW)
    with pytest.raises(ReleaseError, match="exactly one URI"):
        entity_of(made)


@pytest.mark.parametrize("hosts", [(), ("a", "a"), ("*.example.org",), ("entity-a.entity.dpm",), ("a", "B")])
def test_other_hosts_are_refused(ca, tmp_path, hosts):
    with pytest.raises(SettingError, match="wanted different host names"):
        ca.sign_host(tmp_path / "host", hosts, now=NOW)
    assert not (tmp_path / "host").exists()


@pytest.mark.parametrize("later", [10 * DAY_S, 200 * DAY_S])
def test_a_renewed_certificate_has_the_same_key_and_names(ca, tmp_path, later):
    for old in (ca.sign(request(), OWNER.card, now=NOW), ca.sign_host(tmp_path / "host", ("localhost",), now=NOW)):
        new = ca.renew(old, now=NOW + later)
        assert spki_of(new) == spki_of(old)
        assert not_after(new) == NOW + later + DAYS * DAY_S
        before, after = read_certificate(old), read_certificate(new)
        assert before.subject == after.subject
        assert before.serial_number != after.serial_number
        names = [found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for found in (before, after)]
        assert names[0] == names[1]


def test_only_its_own_holders_certificates_are_renewed(ca, tmp_path):
    other = DevelopmentCa.create(tmp_path / "other", "a CA", now=NOW)
    with pytest.raises(ReleaseError, match="only certificates that this CA signed"):
        ca.renew(other.sign(request(), OWNER.card, now=NOW), now=NOW)
    with pytest.raises(ReleaseError, match="own certificate is not renewed"):
        ca.renew(ca.certificate_pem, now=NOW)


def test_a_ca_opens_with_its_passphrase_and_its_own_certificate_only(ca, folder, tmp_path):
    made = DevelopmentCa.create(tmp_path / "ca", "a CA", now=NOW, lock=quick_lock())
    assert DevelopmentCa.open(tmp_path / "ca", quick_lock()).certificate == made.certificate
    with pytest.raises(SettingError, match="got none"):
        DevelopmentCa.open(tmp_path / "ca")
    (tmp_path / "ca" / "ca.crt").write_bytes(ca.certificate_pem)
    with pytest.raises(OutputError, match=r"damaged: .*ca\.crt is not the certificate"):
        DevelopmentCa.open(tmp_path / "ca", quick_lock())
    for damage in (lambda path: path.write_bytes(b"x"), lambda path: path.unlink()):
        damage(tmp_path / "ca" / "ca.crt")
        with pytest.raises(OutputError, match="missing or damaged"):
            DevelopmentCa.open(tmp_path / "ca", quick_lock())


def test_a_ca_is_never_written_over(folder):
    with pytest.raises(OutputError, match="never written over"):
        DevelopmentCa.create(folder, "a CA", now=NOW)


def test_a_card_with_an_address_gets_it_into_its_certificate(ca):
    card = replace(OWNER.card, endpoint="[2001:db8::7]:8443")
    made = ca.sign(request(names=entity_names("entity-a", "2001:db8::7")), card, now=NOW)
    assert entity_of(made) == "entity-a"
