"""The envelope: a manifest's exact bytes with the signatures over them. It is a claim, and nothing more until it is verified."""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from dpm_flower.core.canonical_json import canonical
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules
from dpm_flower.payload.fields import Fields

MAX_ENVELOPE_BYTES = 6 << 20  # a manifest of 4 MiB in base64, and its signatures
MAX_SIGNATURES = 16
MAX_COMMAS = 4096  # three a signature, and 200 in each text; millions of empty arrays would take a hundred times their own size
MAX_SIGNATURE_BYTES = 8192  # post-quantum signatures of 4 to 5 KB still fit

_KEYS = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE_KEYS = frozenset({"keyid", "sig"})


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature and a hint which key made it."""

    keyid: str
    sig: bytes = field(repr=False)

    def __post_init__(self) -> None:
        rules.text(self.keyid, "keyid")
        rules.count(len(self.sig), "the length of a signature", 1, MAX_SIGNATURE_BYTES)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bytes, what they are, and who signed them; in DSSE's JSON layout. Raises ReleaseError for what is no envelope.

    Source: DSSE v1.0.2, "Envelope". One envelope has one form here (DSSE leaves base64 and spacing open), so that its digest names it.
    """

    payload: bytes = field(repr=False)
    payload_type: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if (
            not self.payload_type.isascii()
            or not self.payload_type.isprintable()
            or not 0 < len(self.payload_type) <= rules.TEXT_CHARACTERS
        ):
            raise ReleaseError(f"payloadType must be printable ASCII, got {rules.shown(self.payload_type)}")
        rules.count(len(self.signatures), "the number of signatures", 0, MAX_SIGNATURES)

    @property
    def digest(self) -> str:
        """SHA-256 over the envelope's bytes, hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The envelope -> canonical JSON. Raises ReleaseError if that is more than a reader takes."""
        signatures = [{"keyid": signature.keyid, "sig": _base64(signature.sig)} for signature in self.signatures]
        data = canonical({"payload": _base64(self.payload), "payloadType": self.payload_type, "signatures": signatures})
        if len(data) > MAX_ENVELOPE_BYTES:
            raise ReleaseError(f"an envelope may take {MAX_ENVELOPE_BYTES} bytes, got {len(data)}")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> "Envelope":
        """Bytes from anybody -> an envelope, whose payload has not been looked at."""
        if data.count(b",") > MAX_COMMAS:
            raise ReleaseError(f"an envelope may have {MAX_COMMAS} commas, got {data.count(b',')}")
        fields = Fields.parse(data, "an envelope", _KEYS, MAX_ENVELOPE_BYTES)
        claims = fields.array("signatures")
        rules.count(len(claims), "the number of signatures", 0, MAX_SIGNATURES)
        signatures = tuple(_signature(Fields(claim, "a signature", _SIGNATURE_KEYS)) for claim in claims)
        envelope = cls(_bytes(fields.text("payload"), "payload"), fields.text("payloadType"), signatures)
        if envelope.to_bytes() != data:
            raise ReleaseError("an envelope must be in canonical form: sorted keys, standard base64, no spaces")
        return envelope


def _signature(fields: Fields) -> Signature:
    return Signature(fields.text("keyid"), _bytes(fields.text("sig"), "sig"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as err:
        raise ReleaseError(f"{what} must be base64: {err}") from err
