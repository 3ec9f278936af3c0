"""A signed roster <-> the file that it travels in: the signed TOML as it is, to be read by people, and the signatures below it.

One file, so that it is replaced in one step and cannot be half of two versions; DSSE's own JSON would hide the text in base64.
"""

import hashlib
from pathlib import Path

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.payload.envelope import MAX_SIGNATURES, Envelope, Signature
from dpm_flower.payload.fields import Fields
from dpm_flower.payload.public_forms import base64_bytes, base64_text
from dpm_flower.payload.toml_text import from_toml, to_toml

PAYLOAD_TYPE = "application/vnd.dpm-flower.roster+toml"
MAX_ROSTER_BYTES = 4 << 20  # 256 members of about 7 KB, and room for relays with long names
MAX_TAIL_BYTES = 128 << 10  # 16 signatures, post-quantum ones of 4.5 KB in base64

MARK = f"\n# The signatures of every byte above this line, as of a DSSE envelope of {PAYLOAD_TYPE}:\n".encode()

_KEYS = frozenset({"signatures"})
_SIGNATURE_KEYS = frozenset({"keyid", "sig"})


def to_file(envelope: Envelope) -> bytes:
    """An envelope that holds a roster's text -> the file's bytes: the text, a line that marks its end, the signatures.

    Raises ReleaseError for an envelope of something else, or with more text than a reader takes.
    """
    check_kind(envelope)
    if len(envelope.payload) > MAX_ROSTER_BYTES:
        raise ReleaseError(f"a roster may take {MAX_ROSTER_BYTES} bytes, got {len(envelope.payload)}")
    if (envelope.payload + MARK).index(MARK) != len(envelope.payload):
        raise ReleaseError("a roster's text must not hold the line that marks its end")
    if not envelope.signatures:
        return envelope.payload + MARK
    signatures = [{"keyid": signature.keyid, "sig": base64_text(signature.sig)} for signature in envelope.signatures]
    return envelope.payload + MARK + to_toml({"signatures": signatures})


def from_file(data: bytes) -> Envelope:
    """A file's bytes -> the envelope, whose text has not been looked at.

    Raises ReleaseError for what is no such file, or not in the one form that `to_file` gives it.
    """
    if len(data) > MAX_ROSTER_BYTES + len(MARK) + MAX_TAIL_BYTES:
        raise ReleaseError(f"a roster may take {MAX_ROSTER_BYTES} bytes and its signatures {MAX_TAIL_BYTES}, got {len(data)}")
    text, mark, tail = data.partition(MARK)
    if not mark:
        raise ReleaseError(f"a roster's file must hold the line {MARK.decode().strip()!r} above its signatures, got none")
    envelope = Envelope(text, PAYLOAD_TYPE, _signatures(tail) if tail else ())
    if to_file(envelope) != data:
        raise ReleaseError("the signatures of a roster must be in canonical form, with nothing beside them")
    return envelope


def read_envelope(path: Path) -> Envelope:
    """A file -> the envelope, not yet verified. Raises OSError where it cannot be read, and ReleaseError as `from_file` does."""
    with path.open("rb") as file:  # one byte more than is allowed shows that there are too many, however long the file is
        return from_file(file.read(MAX_ROSTER_BYTES + len(MARK) + MAX_TAIL_BYTES + 1))


def write_envelope(path: Path, envelope: Envelope) -> None:
    """Replaces the file in one step. Raises OutputError where it cannot be written."""
    data = to_file(envelope)
    with whole_file(path) as partial:
        partial.write_bytes(data)


def check_kind(envelope: Envelope) -> None:
    """Raises ReleaseError for an envelope of anything else than a roster, whoever signed it."""
    if envelope.payload_type != PAYLOAD_TYPE:
        raise ReleaseError(f"wanted an envelope of {PAYLOAD_TYPE}, got {envelope.payload_type}")


def text_digest(envelope: Envelope) -> str:
    """SHA-256 of the signed text, hexadecimal: the name of a version's content, however many have signed it so far."""
    return hashlib.sha256(envelope.payload).hexdigest()


def _signatures(tail: bytes) -> tuple[Signature, ...]:
    fields = Fields(from_toml(tail, "the part below a roster", MAX_TAIL_BYTES), "the part below a roster", _KEYS)
    claims = fields.array("signatures")
    if len(claims) > MAX_SIGNATURES:
        raise ReleaseError(f"a roster may have {MAX_SIGNATURES} signatures, got {len(claims)}")
    return tuple(_signature(Fields(claim, f"signatures[{place}]", _SIGNATURE_KEYS), place) for place, claim in enumerate(claims))


def _signature(fields: Fields, place: int) -> Signature:
    return Signature(fields.text("keyid"), base64_bytes(fields.text("sig"), f"signatures[{place}]: sig"))
