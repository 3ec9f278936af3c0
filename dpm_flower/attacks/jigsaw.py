"""A2 against shuffled images: the puzzle is solved by what meets at the patches' edges; nothing has to be learnt."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.attacks.assembly import assembled
from dpm_flower.attacks.edge_costs import affinities, edge_costs
from dpm_flower.attacks.encrypted_release import Decrypter, encryption_of, everybodys, in_pieces
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attacker, AttackerView
from dpm_flower.nets.encryption import Encryption, Shuffling
from dpm_flower.nets.patches import cut, pasted, rearranged

PIECE_IMAGES = 32  # solved at a time, or as many as PIECE_BYTES allow
PIECE_BYTES = 1 << 28  # of each two patches of an image the lines are held that would meet, about three times over


@dataclass(frozen=True, slots=True, kw_only=True)
class Jigsaw:
    """Which patch lies beside which is told by their edges; `starts` pictures are put together for each image, the best is taken.

    It works on patches of at least 2 pixels: smaller ones have no gradient to be judged by, and are left as they are released.
    Raises SettingError for fewer than one start.
    """

    starts: int = 16

    def __post_init__(self) -> None:
        if self.starts < 1:
            raise SettingError(f"starts must be at least 1, got {self.starts}")

    @property
    def name(self) -> str:
        """The level, and what differs from the usual setting: "A2.jigsaw", "A2.jigsaw.x4"."""
        return f"{self.level.name}.jigsaw{'' if self.starts == USUAL.starts else f'.x{self.starts}'}"

    @property
    def level(self) -> Level:
        """It knows that patches were shuffled, and how large they are."""
        return Level.A2

    def decrypts(self, encryption: Encryption) -> bool:
        """Shuffled patches of more than a pixel."""
        return isinstance(encryption, Shuffling) and encryption.patch > 1

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:  # noqa: ARG002  # this attack draws nothing
        """There is nothing to train. Raises SettingError for a view without recipe."""
        encryption = encryption_of(view, self.name)
        if not isinstance(encryption, Shuffling) or encryption.patch < 2:
            return everybodys(view)
        return Decrypter(lambda images: self.solved(images, encryption.patch), everybodys(view))

    def solved(self, images_NCHW: Tensor, patch: int) -> Tensor:
        """Shuffled images (N,C,H,W), bytes or floats -> the patches put in order, floats."""
        images = as_floats(images_NCHW)
        return in_pieces(lambda piece: self._solved(piece, patch), images, images_at_once(images.shape[1], images.shape[-1], patch))

    def _solved(self, images: Tensor, patch: int) -> Tensor:
        patches = cut(images, patch)
        if patches.shape[1] < 2:
            return images
        right, below = (affinities(costs) for costs in edge_costs(patches))
        return pasted(rearranged(patches, assembled(right, below, self.starts)))


def images_at_once(channels: int, side: int, patch: int) -> int:
    """What images are, and the side of their patches in pixels -> how many are solved at a time, at least one."""
    pairs = (side // patch) ** 4
    return max(1, min(PIECE_IMAGES, PIECE_BYTES // max(1, 4 * pairs * patch * channels)))


USUAL = Jigsaw()
