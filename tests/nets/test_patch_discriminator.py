import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.patch_discriminator import PatchDiscriminator


@pytest.mark.parametrize(("halvings", "seen"), [(0, 5), (1, 12), (2, 26)])
def test_each_score_sees_a_patch_of_the_size_that_is_stated(halvings, seen):
    network, picture = PatchDiscriminator(2, width=4, halvings=halvings).eval(), torch.rand(1, 2, 64, 64, requires_grad=True)
    scores = network(picture)
    assert scores.shape == (1, 64 >> halvings, 64 >> halvings)
    middle = scores.shape[1] // 2
    (slope,) = torch.autograd.grad(scores[0, middle, middle], picture)
    rows = slope.abs().sum((0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == seen


@pytest.mark.parametrize("knobs", [{"width": 0}, {"halvings": -1}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="at least"):
        PatchDiscriminator(2, **knobs)
