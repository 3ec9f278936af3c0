import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.certificates import (
    MAX_PEM_BYTES,
    SubjectNames,
    alternative_names,
    certificate_request,
    entity_names,
    entity_of,
    not_after,
    read_certificate,
    read_request,
    spki,
    subject_names,
)
from dpm_flower.payload.public_forms import spki_der
from tests.payload.identities import MADE_AT, identity

OWNER = identity()
NAMES = entity_names("entity-a", "a.example.org")


def certificate(*names):
    """A certificate of nobody in particular, with these subject alternative names; without any, it has no such extension."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "entity-a")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(OWNER.tls.public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime.fromtimestamp(MADE_AT, UTC)).not_valid_after(datetime.fromtimestamp(MADE_AT + 60, UTC))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(OWNER.tls, hashes.SHA256()).public_bytes(Encoding.PEM)


URI, DNS = x509.UniformResourceIdentifier, x509.DNSName
OWN = URI("dpm-flower://entity/entity-a")


def test_what_a_certificate_says():
    made = certificate(OWN, DNS("entity-a.entity.dpm"), DNS("a.example.org"))
    assert entity_of(made) == "entity-a"
    assert not_after(made) == MADE_AT + 60
    assert spki(made) == OWNER.card.tls_spki


def test_of_a_chain_the_first_counts():
    assert entity_of(certificate(OWN) + certificate(URI("dpm-flower://entity/entity-b"))) == "entity-a"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "must have subject alternative names"),
        ((DNS("entity-a.entity.dpm"),), r"exactly one URI, got \(\)"),
        ((OWN, OWN), "exactly one URI"),
        ((OWN, URI("dpm-flower://entity/entity-b")), "exactly one URI"),
        ((OWN, URI("spiffe://example.org/a")), "exactly one URI"),
        ((URI("spiffe://example.org/a"),), "wanted a URI dpm-flower"),
        ((URI("dpm-flower://entity/A"),), "lower-case"),
        ((OWN, DNS("entity-b.entity.dpm")), "also names 'entity-b.entity.dpm'"),
        ((OWN, DNS("entity-a.entity.dpm"), DNS("x.entity-a.entity.dpm")), "also names"),
        ((OWN, DNS("*.entity.dpm")), "also names"),
        ((OWN, DNS("ENTITY-B.ENTITY.DPM")), "also names"),
        ((OWN, x509.RFC822Name("a@example.org")), "DNS names, addresses and URIs"),
    ],
)
def test_certificates_that_name_no_single_entity_are_refused(names, said):
    with pytest.raises(ReleaseError, match=said):
        entity_of(certificate(*names))


@pytest.mark.parametrize("pem", [b"", b"x", certificate(OWN)[:-60], certificate(OWN).replace(b"CERTIFICATE", b"PRIVATE KEY")])
@pytest.mark.parametrize("read", [entity_of, not_after, spki, read_certificate])
def test_what_is_no_certificate_is_refused(read, pem):
    with pytest.raises(ReleaseError, match="wanted a certificate in PEM"):
        read(pem)


def test_sizes_are_looked_at_first():
    for read in (read_certificate, read_request):
        with pytest.raises(ReleaseError, match="may take"):
            read(b"x" * (MAX_PEM_BYTES + 1))


def test_a_request_asks_for_the_names_with_the_key():
    read = read_request(certificate_request(OWNER.tls, "entity-a", NAMES))
    assert subject_names(read) == NAMES
    assert spki_der(read.public_key()) == OWNER.card.tls_spki


REQUEST_DER = x509.load_pem_x509_csr(certificate_request(OWNER.tls, "entity-a", NAMES)).public_bytes(Encoding.DER)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 20))
def test_no_flipped_bit_of_a_request_passes(bit):
    der = bytearray(REQUEST_DER)
    der[bit // 8 % len(der)] ^= 1 << bit % 8  # a signature's length depends on the key, so the range cannot be the request's
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(bytes(der)) + b"-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(ReleaseError, match=r"signature does not hold|wanted a certificate request"):
        read_request(pem)


def test_a_request_signed_by_another_key_is_refused():
    mine, others = (
        x509.load_pem_x509_csr(certificate_request(key, "entity-a", NAMES)).public_bytes(Encoding.DER)
        for key in (OWNER.tls, ec.generate_private_key(ec.SECP256R1()))
    )
    swapped = others.replace(spki_der(x509.load_der_x509_csr(others).public_key()), OWNER.card.tls_spki)
    assert len(swapped) == len(others)
    assert swapped != mine
    with pytest.raises(ReleaseError, match="own signature does not hold"):
        read_request(x509.load_der_x509_csr(swapped).public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    ("host", "dns", "addresses"),
    [
        ("a.example.org", ("a.example.org", "entity-a.entity.dpm"), ()),
        ("entity-a.entity.dpm", ("entity-a.entity.dpm",), ()),
        ("10.0.0.7", ("entity-a.entity.dpm",), ("10.0.0.7",)),
        ("2001:db8::7", ("entity-a.entity.dpm",), ("2001:db8::7",)),
    ],
)
def test_an_entitys_names(host, dns, addresses):
    names = entity_names("entity-a", host)
    assert names == SubjectNames(dns, addresses, ("dpm-flower://entity/entity-a",))
    assert subject_names(read_certificate(certificate(*alternative_names(names)))) == names
    assert set(names.all) == {*dns, *addresses, *names.uris}


def test_the_order_of_names_does_not_matter():
    one, other = ((DNS("a"), DNS("b"), OWN), (OWN, DNS("b"), DNS("a")))
    assert subject_names(read_certificate(certificate(*one))) == subject_names(read_certificate(certificate(*other)))
