"""An envelope and the keys it must be signed with -> nothing, if every one of them signed these bytes once and nobody else did."""

from collections import Counter

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.rules import shown
from dpm_flower.payload.signing_keys import VerifyingKeys, signed_bytes


def check_signatures(envelope: Envelope, keys: VerifyingKeys) -> None:
    """Raises ReleaseError unless the envelope carries exactly one valid signature of every key of `keys`, and no other.

    DSSE takes any one known signature and skips unknown ones; here all must hold, so that taking the post-quantum one away is no way
    round it, and one envelope has one set of signatures. Source: DSSE v1.0.2, "Protocol".
    """
    algorithms = {key.keyid: key.algorithm for key in keys.keys}
    wanted = " and ".join(algorithms.values())
    if not envelope.signatures:
        raise ReleaseError(f"unsigned: wanted signatures of {wanted}, got none")
    counts = Counter(signature.keyid for signature in envelope.signatures)
    if unknown := [keyid for keyid in counts if keyid not in algorithms]:
        raise ReleaseError(f"signed by the key {shown(unknown[0])}, which is not one of this signer's")
    if double := [keyid for keyid, count in counts.items() if count > 1]:
        raise ReleaseError(f"duplicate signatures: wanted one of {algorithms[double[0]]}, got {counts[double[0]]}")
    if missing := [algorithm for keyid, algorithm in algorithms.items() if keyid not in counts]:
        came = " and ".join(algorithms[keyid] for keyid in counts)
        raise ReleaseError(f"downgrade: wanted signatures of {wanted}, got {came} without {' and '.join(missing)}")
    message = signed_bytes(envelope.payload_type, envelope.payload)
    sigs = {signature.keyid: signature.sig for signature in envelope.signatures}
    for key in keys.keys:
        if not key.verifies(sigs[key.keyid], message):
            raise ReleaseError(f"the signature of {key.algorithm} does not hold for these bytes: altered, or signed by somebody else")
