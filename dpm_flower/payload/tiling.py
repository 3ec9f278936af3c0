"""Tiling: channels (T,h,w) -> grey pictures in which they lie side by side, and pictures -> the channels again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dpm_flower.core.codec_name import LARGEST_SIDE
from dpm_flower.payload.quantised import Pixels


@dataclass(frozen=True, slots=True)
class Tiles:
    """A picture of `count` tiles of (h,w) pixels, from number `first` on, in rows of `columns` from left to right; the rest is black."""

    first: int
    count: int
    columns: int
    tile: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        height, width = self.tile
        return -(-self.count // self.columns) * height, self.columns * width


def tilings(count: int, height: int, width: int) -> Iterator[Tiles]:
    """How many tiles of how many pixels there are -> the pictures for them, each as square as it can be, none wider or higher than 2048.

    It depends on these numbers only, so that a reader knows each picture's size before it comes. Tiles are no larger than a picture.
    """
    room = (LARGEST_SIDE // height) * (LARGEST_SIDE // width)
    for first in range(0, count, room):
        here = min(room, count - first)
        square = round((here * height / width) ** 0.5)
        columns = min(max(1, square, -(-here // (LARGEST_SIDE // height))), LARGEST_SIDE // width, here)
        yield Tiles(first, here, columns, (height, width))


def tiled(channels_Thw: Pixels, where: Tiles) -> Pixels:
    """All channels -> one picture (H,W) of those that belong there."""
    (height, width), (rows_high, _) = where.tile, where.shape
    rows = rows_high // height
    places = np.zeros((rows * where.columns, height, width), np.uint8)
    places[: where.count] = channels_Thw[where.first : where.first + where.count]
    return np.ascontiguousarray(places.reshape(rows, where.columns, height, width).swapaxes(1, 2)).reshape(where.shape)


def untiled(pictures: Sequence[Pixels], wheres: Sequence[Tiles]) -> Pixels:
    """Pictures and what lies where in them -> the channels (T,h,w)."""
    pieces = []
    for picture, where in zip(pictures, wheres, strict=True):
        height, width = where.tile
        places = picture.reshape(-1, height, where.columns, width).swapaxes(1, 2).reshape(-1, height, width)
        pieces.append(places[: where.count])
    return np.concatenate(pieces)
