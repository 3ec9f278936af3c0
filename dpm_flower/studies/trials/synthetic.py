"""A segmenter trained on real or synthetic photographs with masks, and tested on real ones that nobody has trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.data.masks import load_masks
from dpm_flower.methods.dual_gan import DUAL_GAN, PairMaker
from dpm_flower.methods.synthetic_pairs import guarded_pairs
from dpm_flower.studies.trials.copied_pairs import copied
from dpm_flower.studies.trials.segmenter import SegmenterRecipe, grey, judged, parted
from dpm_flower.studies.trials.synthetic_pairs import made_once

Pairs: TypeAlias = Literal["real", "synthetic", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmenting:
    """A U-Net learns from patches of `patch` pixels of pictures of `side` pixels, for as many steps whatever it learns from.

    `pairs` says what it learns from: the real patches, as many synthetic ones, or both. A share `held_out` of each data set's training
    pictures gives the threshold, and the baseline of copying. Raises SettingError for knobs that cannot work.
    """

    name: str
    pairs: Pairs
    side: int = 256
    patch: int = 32
    held_out: float = 0.2
    width: int = 12
    dice: float = 0.0
    maker: PairMaker = DUAL_GAN
    fitting: Fitting = Fitting(steps=1000, learning_rate=1e-2, batch_size=16)
    shown: int = 10

    def __post_init__(self) -> None:
        if self.pairs not in get_args(Pairs):
            raise SettingError(f"pairs must be one of {', '.join(get_args(Pairs))}, got {self.pairs!r}")
        if not 0 < self.held_out < 1 or self.shown < 1 or not 1 <= self.patch <= self.side:
            raise SettingError(f"wanted 0 < held_out < 1, shown of at least 1 and a patch within the side, got {self}")

    def run(self, ground: Ground) -> Found:
        """Everything from the archive to F1 and AUC on the test pictures, and for synthetic patches how near they are to real ones."""
        sets = load_masks(Path(ground.data))
        chosen, kept = parted(sets.train.resized(self.side), self.held_out, ground)
        real, test = chosen.patches(self.patch), sets.test.resized(self.side)
        made = None if self.pairs == "real" else made_once(self.maker, real, len(real), ground)
        parts = [part for part, wanted in ((real, self.pairs != "synthetic"), (made, True)) if part is not None and wanted]
        recipe = SegmenterRecipe(width=self.width, fitting=self.fitting, dice=self.dice)
        figures = judged(recipe.trained(parts, ground), kept, test, ground) | {"trained_on": float(sum(map(len, parts)))}
        pictures = {"real photographs": as_floats(real.images[: self.shown]), "real masks": grey(real.masks[: self.shown])}
        if made is not None:
            figures |= copied(made, guarded_pairs(real, kept.patches(self.patch)))
            pictures |= {"synthetic masks": grey(made.masks[: self.shown]), "synthetic photographs": as_floats(made.images[: self.shown])}
        return Found(figures, pictures)
