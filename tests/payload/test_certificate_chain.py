from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.certificate_chain import (
    MAX_CERTIFICATES_BYTES,
    Validity,
    check_for_both_sides,
    validity,
    validity_up_to_authority,
)

NOW = 1_800_000_000
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("leaf", "between", "root", "other")}


def made(name, by, begin=0, end=1000, uses=None):
    """The certificate of the key of that name, signed by another's; the moments are after NOW."""
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, by))
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(KEYS[name].public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime.fromtimestamp(NOW + begin, UTC)).not_valid_after(datetime.fromtimestamp(NOW + end, UTC))
    if uses is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(KEYS[by], hashes.SHA256()).public_bytes(Encoding.PEM)


ROOT, OTHER = made("root", "root", -500, 9000), made("other", "other")


def test_when_the_first_certificate_holds():
    assert validity(made("leaf", "root", 5, 60) + ROOT) == Validity(NOW + 5, NOW + 60)


def test_what_an_authority_signed_holds_as_long_as_both():
    assert validity_up_to_authority(made("leaf", "root", 5, 60), OTHER + ROOT) == Validity(NOW + 5, NOW + 60)
    assert validity_up_to_authority(made("leaf", "root", -800, 60_000), ROOT) == Validity(NOW - 500, NOW + 9000)


def test_one_between_counts_too():
    chain = made("leaf", "between", 0, 900) + made("between", "root", 10, 800)
    assert validity_up_to_authority(chain, ROOT) == Validity(NOW + 10, NOW + 800)
    assert validity_up_to_authority(chain + ROOT, ROOT) == Validity(NOW + 10, NOW + 800)  # who shows the root as well does no harm
    with pytest.raises(ReleaseError, match="wanted a certificate signed by 'CN=other', got one that says it is signed by 'CN=root'"):
        validity_up_to_authority(chain, OTHER)


def test_a_way_with_a_gap_is_refused():
    with pytest.raises(ReleaseError, match="'CN=leaf' is not signed by the certificate after it, that of 'CN=other'"):
        validity_up_to_authority(made("leaf", "root") + OTHER, ROOT)
    with pytest.raises(ReleaseError, match="signed by 'CN=between'"):
        validity_up_to_authority(made("leaf", "between"), ROOT)


def test_the_name_of_an_authority_is_not_its_signature():
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEYS["other"].public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime.fromtimestamp(NOW, UTC)).not_valid_after(datetime.fromtimestamp(NOW + 60, UTC))
    imposter = builder.sign(KEYS["other"], hashes.SHA256()).public_bytes(Encoding.PEM)
    with pytest.raises(ReleaseError, match="wanted a certificate signed by"):
        validity_up_to_authority(made("leaf", "root"), imposter)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"x" * (MAX_CERTIFICATES_BYTES + 1)])
def test_what_is_no_certificate_is_refused(content):
    for chain, authorities in ((content, ROOT), (made("leaf", "root"), content)):
        with pytest.raises(ReleaseError):
            validity_up_to_authority(chain, authorities)


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.mark.parametrize("uses", [None, [SERVER, CLIENT], [CLIENT, SERVER, ExtendedKeyUsageOID.TIME_STAMPING]])
def test_exchanges_need_a_certificate_for_both_sides(uses):
    check_for_both_sides(made("leaf", "root", uses=uses))


@pytest.mark.parametrize(
    ("uses", "missing"), [([SERVER], "clients"), ([CLIENT], "servers"), ([ExtendedKeyUsageOID.CODE_SIGNING], "servers and clients")]
)
def test_a_certificate_for_one_side_is_refused(uses, missing):
    with pytest.raises(ReleaseError, match=f"not for {missing}$"):
        check_for_both_sides(made("leaf", "root", uses=uses))
