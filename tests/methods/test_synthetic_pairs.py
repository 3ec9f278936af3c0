from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import MetricError, ReleaseError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import stream
from dpm_flower.methods import dual_gan
from dpm_flower.methods.dual_gan import PairMaker
from dpm_flower.methods.likeness import UNLIKE
from dpm_flower.methods.memorisation_gate import MemorisationGate
from dpm_flower.methods.pair_sharing import PairSharing
from dpm_flower.methods.raw_pairs import RawPairs
from dpm_flower.methods.synthetic_pairs import SyntheticPairs, guarded_pairs
from dpm_flower.training.loop import fit
from tests.methods.vessels import pairs
from tests.training.toys import CPU

RNG = torch.Generator().manual_seed(0)
OWN, HELD_OUT = pairs(24), pairs(60, seed=1)
FEW = Fitting(steps=3, learning_rate=1e-3, batch_size=8, weight_decay=0.0, schedule="cosine")
SOME = Fitting(steps=40, learning_rate=5e-3, batch_size=12, weight_decay=0.0, schedule="cosine")
MAKER = PairMaker(width=8, noise=8, translator=4, mask_fitting=SOME, photograph_fitting=FEW)
METHOD = SyntheticPairs(maker=MAKER)


def offered(method, owner="a", private=OWN, held_out=HELD_OUT):
    return method.offered(private, held_out, compute=CPU, rng=stream(0, owner))


@pytest.fixture(scope="module")
def made():
    return offered(METHOD)


def test_as_many_pairs_leave_as_there_are_and_say_how_near_they_are_to_own_ones(made):
    assert (made.batch.images.shape, made.batch.masks.shape) == (OWN.images.shape, OWN.masks.shape)
    assert made.batch.images.dtype == made.batch.masks.dtype == torch.uint8
    assert set(made.batch.masks.unique().tolist()) == {0, 1}
    measured = {f"{what}_{key}" for what in ("photograph", "mask") for key in ("memorised", "nearest", "nearness", "membership_auc")}
    assert set(made.figures) == measured | {"pair_memorised"}
    assert made.figures["pair_memorised"] >= max(made.figures["photograph_memorised"], made.figures["mask_memorised"])


def test_the_same_stream_makes_the_same_release_to_the_byte_and_another_another(made):
    again, other = (offered(METHOD, owner).batch for owner in ("a", "b"))
    assert torch.equal(made.batch.images, again.images)
    assert torch.equal(made.batch.masks, again.masks)
    assert not torch.equal(made.batch.masks, other.masks)


def by_heart(generator, discriminator, images, labels, settings, fitting, *, mode_seeking, compute, rng, report):
    """Trains a generator as nobody should: whatever the noise, what it draws has to be one of the own masks."""
    assert mode_seeking == MAKER.mode_seeking > 0  # it gets the knob, and has no use for it

    def loss_at(indices):
        made = generator(torch.randn(len(indices), generator.noise, generator=rng))
        return (made[:, None] - images[None]).square().mean((2, 3, 4)).min(1).values.mean()

    fit([generator], loss_at, len(images), fitting, rng=rng)


def test_a_dual_gan_that_learnt_its_masks_by_heart_is_caught(monkeypatch, made):
    """The same gate lets it pass where it was trained as it should be."""
    longer = Fitting(steps=60, learning_rate=3e-2, batch_size=24, weight_decay=0.0)
    overfitted = replace(METHOD, maker=replace(MAKER, mask_fitting=longer))
    with monkeypatch.context() as changed:
        changed.setattr(dual_gan, "train_generator", by_heart)
        with pytest.raises(ReleaseError, match=r"of 24 synthetic photographs or masks .* has memorised, wanted at most 50%"):
            offered(overfitted)
    assert made.figures["pair_memorised"] < 0.5


def test_own_pairs_without_a_mask_are_refused():
    empty = replace(OWN, masks=torch.zeros_like(OWN.masks))
    with pytest.raises(MetricError, match="wanted own and held-out images with something in them, got 0 of 24 and 60 of 60"):
        offered(METHOD, private=empty)


def test_an_empty_mask_is_like_nothing_and_hides_no_copy():
    """Half of the own and half of the held-out masks are empty: the empty ones made up pass all the same, and the copy does not."""
    own, held_out = (replace(each, masks=each.masks * (torch.arange(len(each)) % 2).view(-1, 1, 1, 1).byte()) for each in (OWN, HELD_OUT))
    kinds = guarded_pairs(own, held_out)

    def drawn(wanted):
        masks = torch.zeros(len(wanted), 1, 8, 8)
        if len(wanted) > 1:
            masks[5] = OWN.masks[7].rot90(1, (1, 2)).float()
        return torch.rand(len(wanted), 3, 8, 8, generator=RNG), masks

    photographs, masks = MemorisationGate().passed_together(drawn, torch.zeros(24), kinds)
    assert masks.first.memorised.nonzero().flatten().tolist() == [5]
    assert masks.first.threshold > 0
    assert masks.figures["synthetic_nearest"] == UNLIKE
    assert len(photographs.images) == 24


def test_raw_pairs_are_the_own_ones():
    assert isinstance(RawPairs(), PairSharing)
    assert isinstance(METHOD, PairSharing)
    raw = offered(RawPairs())
    assert torch.equal(raw.batch.images, OWN.images)
    assert torch.equal(raw.batch.masks, OWN.masks)
    assert raw.figures == {}
