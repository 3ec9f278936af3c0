"""How many samples an entity can have pooled at most: what the server can check a claimed weight against."""

from collections.abc import Iterable

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.manifest import Manifest


def most_samples(entity: str, own: int, claims: Iterable[tuple[str, str]]) -> int:
    """An entity, its number of images, and the (sender, envelope) that it was sent -> own images and all samples of its peers' releases.

    The manifests are claims too, of their senders: nobody verified them here. But an entity cannot raise its own weight by its own.
    """
    return own + sum(_samples(envelope) for sender, envelope in claims if sender != entity)


def _samples(envelope: str) -> int:
    """The samples that a manifest speaks of; 0 where it cannot be read, since no entity accepts such a release."""
    try:
        return Manifest.from_bytes(Envelope.from_bytes(envelope.encode()).payload).samples
    except ReleaseError:
        return 0
