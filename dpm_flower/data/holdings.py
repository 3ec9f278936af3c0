"""Who holds what: the images of every piece of a division, counted by class."""

from dataclasses import dataclass
from typing import Literal

Piece = Literal["public", "train", "validation", "unused", "test"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One row of the table: the images per class (K,) of one piece; `entity` is empty for what no entity holds."""

    piece: Piece
    entity: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Images in this piece."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Summary:
    """All rows, in the classes of the data set as it came (K names), how many training images were left out, and why; and the notes
    of the data set, which say what was done to it on the way in.
    """

    class_names: tuple[str, ...]
    holdings: tuple[Holding, ...]
    repeats_in_train: int  # copies of a training image; the first one stayed
    repeats_of_test: int  # training images that the test set holds as well
    together_with_test: int = 0  # other training images of a value (a patient) of which the test set holds images
    notes: tuple[str, ...] = ()
