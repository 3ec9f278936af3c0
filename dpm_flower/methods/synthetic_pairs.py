"""Sharing made-up photographs with masks: a private dual GAN learns the own pairs, and what it draws leaves in their place."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedMasks
from dpm_flower.data.masks import Masked
from dpm_flower.methods.dual_gan import DUAL_GAN, PairMaker
from dpm_flower.methods.likeness import Likeness
from dpm_flower.methods.memorisation_gate import Guarded, MemorisationGate, memorised
from dpm_flower.methods.pair_sharing import Offered

ALIKE = Likeness(by_channel=True, any_way=True)  # a made photograph has a tint of its own, and nearly never that of what it copies
MASKS_ALIKE = replace(ALIKE, flat=False)
USUAL_GATE = MemorisationGate()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticPairs:
    """A dual GAN of the own pairs behind a gate: a pair whose photograph or whose mask lies too near to an own one is drawn anew.

    Copies are found whatever their tint and in any of the eight ways in which a square can lie. That the pairs are made up is no
    guarantee, and neither is the gate: it sees no copy that was moved by a pixel or bent. Source: Dual GAN (arXiv 1709.01872);
    SPEC.md, section 6.
    """

    maker: PairMaker = DUAL_GAN
    gate: MemorisationGate = USUAL_GATE
    name: str = "synthetic-pairs"

    def offered(self, private: Masked, held_out: Masked, *, compute: Compute, rng: torch.Generator, report: Report = silent) -> Offered:
        """Trains both generators on the own square pairs, and draws as many; the gate compares with held-out pairs.

        Raises ReleaseError where they have learnt too many by heart, MetricError where no own or no held-out mask has anything in it.
        """
        made = self.maker.learnt(private, compute=compute, of_masks=child_stream(rng), of_photographs=child_stream(rng), report=report)
        drawing, tinting = child_stream(rng), child_stream(rng)  # what leaves is no stretch of a stream that a generator was trained by
        unlabelled = torch.zeros(len(private), dtype=torch.int64)  # a dual GAN asks for no classes

        def drawn(wanted: Tensor) -> tuple[Tensor, Tensor]:
            photographs, masks = made.drawn(len(wanted), of_masks=drawing, of_tints=tinting)
            return photographs, masks.float()  # of bytes, 1 would be as good as 0

        photographs, masks = self.gate.passed_together(drawn, unlabelled, guarded_pairs(private, held_out))
        refused = memorised([photographs.first, masks.first])
        figures = {"pair_memorised": float(refused.double().mean())}
        for what, passed in (("photograph", photographs), ("mask", masks)):
            figures |= {f"{what}_{key}": value for key, value in passed.found.items()}
        return Offered(SharedMasks(photographs.images, masks.images.to(torch.uint8)), figures)


def guarded_pairs(private: Masked, held_out: Masked) -> tuple[Guarded, Guarded]:
    """Own and held-out square pairs -> what of them nobody may copy: photographs, and masks as floats."""
    return (
        Guarded("photograph", private.images, held_out.images, ALIKE),
        Guarded("mask", private.masks.float(), held_out.masks.float(), MASKS_ALIKE),
    )
