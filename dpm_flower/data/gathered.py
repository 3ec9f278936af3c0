"""Some images of a larger set, copied out of it when somebody asks for them."""

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labelled


class Gathered(Labelled):
    """The images at `indices` (M,) of a set, with class numbers that count through `classes` (K,), which are ascending.

    Labels and attributes are there at once. Images are gathered when they are first asked for, and then kept, so that all who ask
    get the same tensor: a process that never looks at them needs no memory for them.
    """

    __slots__ = ("_found", "_indices", "_source")
    _source: Labelled
    _indices: Tensor
    _found: Tensor | None

    def __init__(self, source: Labelled, indices: Tensor, classes: Tensor) -> None:
        labels = torch.searchsorted(classes, source.labels[indices])
        own = {"labels": labels, "classes": len(classes), "attributes": source.attributes_at(indices)}
        own |= {"_source": source, "_indices": indices, "_found": None}
        for name, value in own.items():
            object.__setattr__(self, name, value)  # the class is frozen

    @property
    def images(self) -> Tensor:
        """Images (M,C,H,W)."""
        found = self._found
        if found is None:
            found = self._source.images[self._indices]
            object.__setattr__(self, "_found", found)
        return found

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Labelled:
        """The images at `indices` (m,) of these M -> a new set of m images in that order; the others are not gathered for it."""
        return Labelled(self._source.images[self._indices[indices]], self.labels[indices], self.classes, self.attributes_at(indices))
