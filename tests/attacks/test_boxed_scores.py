"""Attackers' guesses at images with boxes stand between what boxes tell and what raw features tell; A0 has a ceiling of its own."""

import torch

from dpm_flower.attacks.boxed_scores import boxed_scores
from tests.training.cells import SIZE, cells, seen
from tests.training.toys import CPU

NETS, _, _ = seen()
TRUTH = cells(4, seed=9)


def noise(seed, share):
    """The images, and so much noise over them."""
    rng = torch.Generator().manual_seed(seed)
    return (1 - share) * TRUTH.images + share * torch.rand(4, 3, *SIZE, generator=rng)


def test_each_attacker_stands_between_its_own_anchors():
    anchors = {"floor": noise(0, 1.0), "ceiling": noise(1, 0.2), "ceiling_A0": noise(2, 0.5)}
    found = boxed_scores(TRUTH, {"A0": noise(3, 0.6), "A2": noise(4, 0.6)}, anchors, NETS.featurizer, CPU)
    assert found.ceilings == {"A0": "ceiling_A0", "A2": "ceiling"}
    assert set(found.scores) == {"A0", "A2", *anchors}
    for who, ceiling in found.ceilings.items():
        one = found.anchored[who]
        assert (one.attack, one.floor, one.ceiling) == (found.scores[who], found.scores["floor"], found.scores[ceiling])
        assert float(one.floor.ssim.mean()) < float(one.attack.ssim.mean()) < float(one.ceiling.ssim.mean())
