"""The private keys of one entity and its site's secret: what is secret of each, raw and as text, within whatever it is written."""

import base64
from collections.abc import Iterator

from dpm_flower.payload.identity import Identity
from dpm_flower.regime.site import Site
from tests.canary.unpacking import Values

P256_BYTES, P384_BYTES = 32, 48  # of a private scalar: SEC 1


class KeyMarker:
    """Finds the keys of a site: the bytes that make each of them secret, which PKCS#8 and OpenSSH write whole, once they are decoded.

    Their hexadecimal and base64 texts are looked for as they are besides, also where something else stands before or behind them.
    """

    kind = "private keys"

    def __init__(self, site: Site) -> None:
        self.needles = list(_forms(site))

    def alike(self, values: Values) -> Iterator[str]:
        """Values -> nothing: a key is there or it is not."""
        del values
        return iter(())


def raw_private(site: Site) -> dict[str, bytes]:
    """A site's folder -> what is secret of each of its keys, and its secret."""
    identity = Identity.open(site.identity)
    signing, hpke = identity.signing, identity.hpke
    found = {
        "ed25519": signing.ed25519.private_bytes_raw(),
        "ml-kem-768": hpke.mlkem.private_bytes_raw(),
        "x25519": hpke.x25519.private_bytes_raw(),
        "tls": identity.tls.private_numbers().private_value.to_bytes(P256_BYTES, "big"),
        "node": identity.node.private_numbers().private_value.to_bytes(P384_BYTES, "big"),
    }
    if signing.ml_dsa is not None:
        found["ml-dsa-65"] = signing.ml_dsa.private_bytes_raw()
    if site.secret.exists():
        found["site secret"] = bytes.fromhex(site.secret.read_text())
    return found


def _forms(site: Site) -> Iterator[tuple[str, bytes]]:
    for name, raw in raw_private(site).items():
        yield name, raw
        yield name, raw.hex().encode()
        yield name, raw.hex().upper().encode()
        for shift in range(3):  # base64 of the key alone, and of the key within something longer
            text = base64.b64encode(bytes(shift) + raw)[4 * (shift > 0) : -4]
            yield name, text
            yield name, text.translate(bytes.maketrans(b"+/", b"-_"))
