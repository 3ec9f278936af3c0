"""The own images that a campaign began with at a site: to its end, it works with these or not at all."""

from dpm_flower.core.errors import DataError, OutputError
from dpm_flower.core.written_once import write_once
from dpm_flower.payload import rules
from dpm_flower.regime.site import Site

SHOWN = 16  # digits of a digest that go into a message: enough to tell two apart


def pin_images(site: Site, campaign: str, digest: str) -> None:
    """A site, a campaign and the digest of the own images as they are now -> kept where it is the first, compared with that where not.

    Raises DataError, with what was pinned and what came, for other images; ReleaseError for what is no campaign's name; OutputError
    where the campaign's folder cannot be read or written.
    """
    path = site.own_images(rules.name(campaign, "campaign"))
    try:
        write_once(path, digest)
        pinned = path.read_text(errors="replace")
    except OSError as err:
        raise OutputError(f"cannot keep which images campaign {campaign} began with: {err.strerror}") from err
    if pinned != digest:
        raise DataError(
            f"the own images are others than campaign {campaign} began with: wanted those of digest {pinned[:SHOWN]}..., "
            f"got {digest[:SHOWN]}...; put them back as they were, or begin another campaign"
        )
