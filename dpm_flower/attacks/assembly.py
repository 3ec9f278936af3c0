"""Putting a puzzle together: how well each two patches fit -> an order of the patches, (B,N)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import ShapeError

GROWING_BYTES = 1 << 24  # of how well patches fit in the cells of pictures that grow side by side; a step holds about three times as much


def assembled(right_BNN: Tensor, below_BNN: Tensor, starts: int) -> Tensor:
    """How well j fits to the right of i, and below i -> which patch comes to which place (B,N), in reading order.

    From each of the first `starts` patches a picture grows: next comes the patch that fits best, in the mean, to all neighbours
    that lie already, wherever there is room for a square; of the pictures that have grown the one that fits best as a whole is taken.
    A greedy assembler, as Pomeranz, Shemesh, Ben-Shahar, CVPR 2011. Raises ShapeError unless N is a square number.
    """
    batch, patches, _ = right_BNN.shape
    columns = round(patches**0.5)
    if columns * columns != patches or below_BNN.shape != right_BNN.shape:
        raise ShapeError(f"wanted two (B,N,N) of as many patches as fill a square, got {tuple(right_BNN.shape)}, {tuple(below_BNN.shape)}")
    starts = min(starts, patches)
    pieces = [
        _grown(right_BNN[pictures // starts], below_BNN[pictures // starts], columns, pictures % starts)
        for pictures in torch.split(torch.arange(batch * starts), pictures_at_once(columns))
    ]
    orders, fits = (torch.cat(each) for each in zip(*pieces, strict=True))
    return orders.view(batch, starts, patches)[torch.arange(batch), fits.view(batch, starts).argmax(1)]


def pictures_at_once(columns: int) -> int:
    """Patches in a row of a picture -> how many pictures may grow side by side, at least one; none has to do with another."""
    return max(1, GROWING_BYTES // (4 * _width(columns) ** 2 * columns**2))


def total_fit(right_BNN: Tensor, below_BNN: Tensor, order_BN: Tensor) -> Tensor:
    """How well pairs fit, and orders (B,N) -> the sum over all neighbours of each picture (B,)."""
    batch, patches = order_BN.shape
    columns = round(patches**0.5)
    grid = order_BN.view(batch, columns, columns)
    rows = torch.arange(batch).view(-1, 1, 1)
    return right_BNN[rows, grid[:, :, :-1], grid[:, :, 1:]].sum((1, 2)) + below_BNN[rows, grid[:, :-1], grid[:, 1:]].sum((1, 2))


def _grown(right_PNN: Tensor, below_PNN: Tensor, columns: int, first_P: Tensor) -> tuple[Tensor, Tensor]:
    """The fits of each picture's patches, and its first patch -> what comes where (P,N), and how well each fits as a whole (P,)."""
    pictures = _Pictures.begun(right_PNN, below_PNN, columns, first_P)
    for _ in range(columns * columns - 1):
        pictures.grow()
    orders = pictures.orders()
    return orders, total_fit(right_PNN, below_PNN, orders)


def _width(columns: int) -> int:
    """Cells in a row of a plane: a picture's, twice but for the first patch, and the rim."""
    return 2 * columns + 1


@dataclass(slots=True, eq=False)
class _Pictures:
    """Pictures that grow side by side, each on a plane (B, cells) so large that it can grow in any direction, with a rim.

    `fit` (B,cells,N) is how well each patch would fit in a cell, summed over the `neighbours` (B,cells) that lie already.
    """

    right: Tensor
    below: Tensor
    columns: int
    lying: Tensor  # (B,cells): which patch, -1 = none
    left: Tensor  # (B,N) bool: which patches are left
    fit: Tensor
    neighbours: Tensor

    @classmethod
    def begun(cls, right: Tensor, below: Tensor, columns: int, first_B: Tensor) -> "_Pictures":
        """One patch of each picture in the middle of its plane."""
        batch, patches, _ = right.shape
        width = _width(columns)
        cells = width * width
        pictures = cls(
            right=right,
            below=below,
            columns=columns,
            lying=torch.full((batch, cells), -1),
            left=torch.ones(batch, patches, dtype=torch.bool),
            fit=torch.zeros(batch, cells, patches),
            neighbours=torch.zeros(batch, cells),
        )
        pictures._lay(torch.full((batch,), columns * width + columns), first_B)
        return pictures

    @property
    def width(self) -> int:
        """Cells in a row of a plane."""
        return _width(self.columns)

    def grow(self) -> None:
        """Each picture has one patch more: the one that fits best, in the mean over its neighbours."""
        open_BM = (self.lying < 0) & (self.neighbours > 0) & self._room()
        mean = self.fit / self.neighbours.clamp_min(1).unsqueeze(2)
        mean.masked_fill_(~open_BM.unsqueeze(2) | ~self.left.unsqueeze(1), -1.0)
        best = mean.flatten(1).argmax(1)
        self._lay(best // self.left.shape[1], best % self.left.shape[1])

    def orders(self) -> Tensor:
        """What lies in each finished picture (B,N), in reading order: the cells come row by row."""
        return self.lying[self.lying >= 0].view(len(self.lying), -1)

    def _room(self) -> Tensor:
        """In which cells a patch can lie without the picture becoming wider or higher than it may (B,cells) bool."""
        number = torch.arange(self.width)
        taken = (self.lying >= 0).view(-1, self.width, self.width)
        within = []
        for across in (taken.any(2), taken.any(1)):
            first = across.int().argmax(1, keepdim=True)
            last = self.width - 1 - across.flip(1).int().argmax(1, keepdim=True)
            within.append((number > last - self.columns) & (number < first + self.columns))
        rows, columns = within
        return (rows.unsqueeze(2) & columns.unsqueeze(1)).flatten(1)

    def _lay(self, cells_B: Tensor, patches_B: Tensor) -> None:
        pictures = torch.arange(len(cells_B))
        self.lying[pictures, cells_B] = patches_B
        self.left[pictures, patches_B] = False
        sides = (
            (1, self.right[pictures, patches_B]),
            (-1, self.right[pictures, :, patches_B]),
            (self.width, self.below[pictures, patches_B]),
            (-self.width, self.below[pictures, :, patches_B]),
        )
        for step, fits in sides:
            self.fit[pictures, cells_B + step] += fits
            self.neighbours[pictures, cells_B + step] += 1
