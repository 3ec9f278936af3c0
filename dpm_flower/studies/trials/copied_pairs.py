"""How much of photographs with masks is copied from those that nobody may copy, as only a study can tell, which has both."""

from collections.abc import Sequence

from dpm_flower.methods.likeness import Watched
from dpm_flower.methods.memorisation_gate import Guarded
from dpm_flower.metrics.copying import copying
from dpm_flower.studies.trials.segmenter import MaskedPairs


def copied(pairs: MaskedPairs, guarded: Sequence[Guarded]) -> dict[str, float]:
    """MaskedPairs, and what of photographs and of masks may not be copied -> by kind the figures of `metrics.copying`."""
    figures = dict[str, float]()
    for each, images in zip(guarded, (pairs.images, pairs.masks.float()), strict=True):
        watched = Watched.of(each.own, each.held_out, each.likeness)
        found = copying(watched.distances(images), watched.baseline)
        figures |= {f"{each.name}_{key}": value for key, value in (found.figures | watched.membership(images)).items()}
    return figures
