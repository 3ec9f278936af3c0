"""The card: what an entity hands over about itself, public all through, and signed with the keys that stand in it."""

import hashlib
from dataclasses import dataclass, field

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.endpoint import check_not_anothers, host_and_port
from dpm_flower.payload.entity_name import entity_name
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.hpke_keys import hpke_public
from dpm_flower.payload.public_forms import base64_bytes, base64_text, check_node_line, tls_public_key
from dpm_flower.payload.signatures import check_signatures
from dpm_flower.payload.signing_keys import SigningKeys, VerifyingKeys

CARD_TYPE = "application/vnd.dpm-flower.card+json"
CARD_VERSION = 1
CARD_KEYS = frozenset({"version", "name", "endpoint", "signing", "tls_spki", "node_public_key", "hpke", "made_at"})
MAX_CARD_BYTES = 16384  # about 5 KB are in use


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One entity's name, address and public keys. Raises ReleaseError for a part that cannot be what it should.

    `endpoint` is host:port of its exchange; `tls_spki` the DER of its ECDSA P-256 key, by which a certificate is known to be its own;
    `node_public_key` the OpenSSH line of its ECDSA P-384 key, which the SuperLink is told; `hpke` the raw ML-KEM-768 key, then the raw
    X25519 key; `made_at` in seconds since 1970 UTC.
    """

    name: str
    endpoint: str
    signing: VerifyingKeys
    tls_spki: bytes = field(repr=False)
    node_public_key: str = field(repr=False)
    hpke: bytes = field(repr=False)
    made_at: int

    def __post_init__(self) -> None:
        entity_name(self.name)
        host, _ = host_and_port(self.endpoint)
        check_not_anothers(host, self.name)
        tls_public_key(self.tls_spki)
        check_node_line(self.node_public_key)
        hpke_public(self.hpke)
        rules.count(self.made_at, "made_at")

    @property
    def fingerprint(self) -> str:
        """SHA-256, hexadecimal, of the card's canonical JSON: what two people compare by telephone. It covers every part."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_plain(self) -> dict[str, object]:
        """The card -> whole numbers, texts (bytes in base64) and one list of such, under CARD_KEYS."""
        return {
            "version": CARD_VERSION,
            "name": self.name,
            "endpoint": self.endpoint,
            "signing": self.signing.to_plain(),
            "tls_spki": base64_text(self.tls_spki),
            "node_public_key": self.node_public_key,
            "hpke": base64_text(self.hpke),
            "made_at": self.made_at,
        }

    @classmethod
    def from_plain(cls, fields: Fields) -> "Card":
        """Fields with CARD_KEYS from anybody -> the card that they spell."""
        if fields.integer("version") != CARD_VERSION:
            raise ReleaseError(f"wanted a card of version {CARD_VERSION}, got {rules.shown(fields.integer('version'))}")
        return cls(
            name=fields.text("name"),
            endpoint=fields.text("endpoint"),
            signing=VerifyingKeys.from_plain(fields.array("signing")),
            tls_spki=base64_bytes(fields.text("tls_spki"), "tls_spki"),
            node_public_key=fields.text("node_public_key"),
            hpke=base64_bytes(fields.text("hpke"), "hpke"),
            made_at=fields.integer("made_at"),
        )

    def to_bytes(self) -> bytes:
        """The card -> its canonical JSON, the bytes that are signed."""
        return canonical(self.to_plain())

    def envelope(self, keys: SigningKeys) -> Envelope:
        """The card, signed. Raises ReleaseError for keys that are not the card's own."""
        if keys.public != self.signing:
            raise ReleaseError(f"the card of {self.name} must be signed with the keys that stand in it, got others")
        payload = self.to_bytes()
        return Envelope(payload, CARD_TYPE, keys.sign(CARD_TYPE, payload))


def read_card(envelope: Envelope) -> Card:
    """An envelope from anybody -> the card in it, signed with every key that it claims to sign with.

    That shows that whoever made it holds those signing keys, and nothing about who that is: whoever puts a card on a roster compares its
    fingerprint with its owner first. (That he holds the TLS key, his certificate shows; the node key, the SuperLink asks for.)
    Raises ReleaseError for another payload type, too many bytes, what is no card in canonical form, or signatures that do not hold.
    """
    if envelope.payload_type != CARD_TYPE:
        raise ReleaseError(f"wanted an envelope of {CARD_TYPE}, got {rules.shown(envelope.payload_type)}")
    card = Card.from_plain(Fields.parse(envelope.payload, "a card", CARD_KEYS, MAX_CARD_BYTES))
    if card.to_bytes() != envelope.payload:
        raise ReleaseError("a card must be in canonical form: sorted keys, no spaces")
    check_signatures(envelope, card.signing)
    return card
