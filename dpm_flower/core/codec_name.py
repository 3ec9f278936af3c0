"""Codecs of features by name: text -> how features are made into pictures, and by what these are coded."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dpm_flower.core.errors import SettingError

PictureKind: TypeAlias = Literal["avif", "webp"]

USUAL_BITS = 8  # of a grey picture's pixel; fewer have to be named
LARGEST_SIDE = 2048  # pixels of a picture: in 4 MiB its own headers no longer count, and a decoder needs few times that memory
CODEC_NAME = r"(?:webp|avif-(?:100|[1-9]?[0-9]))(?:-[2-7]bit)?"  # one name for each codec

_PARTS = re.compile(r"(?P<kind>webp|avif)(?:-(?P<quality>[0-9]+))?(?:-(?P<bits>[2-7])bit)?")
_CODEC_NAME = re.compile(CODEC_NAME, re.ASCII)


@dataclass(frozen=True, slots=True)
class Codec:
    """Values are quantised to `bits` each; the pictures of them are coded without loss (WebP) or with a `quality` up to 100 (AVIF)."""

    kind: PictureKind
    quality: int
    bits: int

    @property
    def levels(self) -> int:
        """How many different values there are."""
        return 1 << self.bits


def codec_of(name: str) -> Codec:
    """A codec's name -> the codec: "webp" loses only what quantisation to 8 bits does, "avif-60-6bit" has quality 60 and 6 bits.

    Raises SettingError for any other name.
    """
    parts = _PARTS.fullmatch(name) if _CODEC_NAME.fullmatch(name) else None
    if parts is None:
        raise SettingError(f'a codec is "webp" or "avif-QUALITY" (0 to 100), each also with "-BITSbit" (2 to 7) behind it, got {name!r}')
    kind: PictureKind = "webp" if parts["kind"] == "webp" else "avif"
    return Codec(kind, int(parts["quality"] or 100), int(parts["bits"] or USUAL_BITS))
