"""What a segmenter learns from own pairs, from those that peers released, or from both, on photographs of the own camera."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.methods.pair_sharing import PairSharing
from dpm_flower.methods.synthetic_pairs import guarded_pairs
from dpm_flower.regime.pair_release import ReceivedPairs
from dpm_flower.studies.trials.copied_pairs import copied
from dpm_flower.studies.trials.segmentation_scene import Cut, Scene
from dpm_flower.studies.trials.segmenter import MaskedPairs, SegmenterRecipe, grey, judged

USUAL_CUT = Cut()
REFUSED = "pair_memorised"  # in a release's own figures
WORSE_IF_GREATER = ("_memorised", "_membership_auc", "refused")
USUAL = SegmenterRecipe(width=12, fitting=Fitting(steps=1000, learning_rate=1e-2, batch_size=16), dice=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntFrom:
    """An entity, and what its U-Net learns from for as many steps whatever it is: own pairs where `own`, and what `peers` release.

    The threshold is that of the receiver's own held-out photographs, also where it learns from its peers alone. Raises SettingError where
    there is nothing to learn from.
    """

    name: str
    receiver: str
    own: bool = True
    peers: PairSharing | None = None
    cut: Cut = USUAL_CUT
    segmenter: SegmenterRecipe = USUAL
    shown: int = 10

    def __post_init__(self) -> None:
        if not self.own and self.peers is None:
            raise SettingError(f"wanted own pairs or those of peers to learn from, got neither: {self}")
        if self.shown < 1:
            raise SettingError(f"shown must be at least 1, got {self.shown}")

    def run(self, ground: Ground) -> Found:
        """Everything from the archive and the peers' releases to F1 and AUC on the receiver's own test photographs."""
        scene = Scene.of(ground, self.cut)
        entity = scene.entity(self.receiver)
        came = scene.received(self.receiver, self.peers) if self.peers is not None else {}
        parts: list[MaskedPairs] = [*([entity.own] if self.own else []), *(one.batch for one in came.values())]
        figures = judged(self.segmenter.trained(parts, ground), entity.held_out, entity.test, ground)
        figures["trained_on"] = float(sum(len(part.images) for part in parts))
        pictures = {"own photographs": as_floats(entity.own.images[: self.shown]), "own masks": grey(entity.own.masks[: self.shown])}
        for name, one in came.items():
            pictures |= {
                f"photographs from {name}": as_floats(one.batch.images[: self.shown]),
                f"masks from {name}": grey(one.batch.masks[: self.shown]),
            }
        return Found(figures | _of_releases(scene, came), pictures)


def _of_releases(scene: Scene, came: Mapping[str, ReceivedPairs]) -> dict[str, float]:
    """What peers released -> its size, and of the worst release what was copied, which takes its owner's pairs to tell.

    `different_masks` counts how many of its masks differ, as a share: little where a generator draws one and the same. `refused` is
    the share of the first draw that the owner's gate refused, which the release itself says.
    """
    if not came:
        return {}
    size = sum(one.size_bytes for one in came.values())
    figures = {"received_bytes": float(size), "pair_bytes": size / sum(len(one.batch.images) for one in came.values())}
    for name, one in came.items():
        owner = scene.entity(name)
        found = copied(one.batch, guarded_pairs(owner.own, owner.held_out.patches(scene.cut.patch)))
        found |= {"refused": one.figures[REFUSED]} if REFUSED in one.figures else {}
        worst = {key: value for key, value in found.items() if key.endswith(WORSE_IF_GREATER)}
        figures |= {key: max(value, figures.get(key, value)) for key, value in worst.items()}
        different = len(torch.unique(one.batch.masks.flatten(1), dim=0)) / len(one.batch.masks)
        figures["different_masks"] = min(different, figures.get("different_masks", different))
    return figures
