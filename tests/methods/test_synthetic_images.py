from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.protocols import SharingMethod, WithFigures
from dpm_flower.core.streams import stream
from dpm_flower.core.unpaired import Unpaired, is_unpaired
from dpm_flower.methods import synthetic_images
from dpm_flower.methods.memorisation_gate import MemorisationGate
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.training.loop import fit
from dpm_flower.training.losses import reconstruction_loss
from tests.methods.preparations import PRIVATE, preparation
from tests.training.toys import CPU, pictures

FEW = Fitting(steps=3, learning_rate=5e-2, batch_size=8, weight_decay=0.0, schedule="cosine")
OPEN = MemorisationGate(alpha=0.01, tolerated=1.0)
METHOD = SyntheticImages(noise=4, width=4, fitting=FEW, gate=OPEN)


def test_as_many_images_leave_as_there_are_with_their_labels():
    sharer = METHOD.prepare(preparation())
    shared = sharer.share(PRIVATE.images, PRIVATE.labels)
    assert shared.images.shape == PRIVATE.images.shape
    assert shared.images.dtype == torch.uint8  # what was measured is what leaves, to the byte
    assert torch.equal(shared.labels, PRIVATE.labels)
    assert torch.equal(sharer.share(PRIVATE.images, PRIVATE.labels).images, shared.images)  # asking twice gives no more away
    others = sharer.share(PRIVATE.images[:5], PRIVATE.labels[:5])
    assert len(others.images) == 5
    assert not torch.equal(others.images, shared.images[:5])


def test_what_is_released_says_how_near_it_is_to_own_images():
    sharer = METHOD.prepare(preparation())
    assert isinstance(sharer, WithFigures)
    assert {"synthetic_memorised", "synthetic_nearest", "synthetic_nearness", "synthetic_membership_auc"} == set(sharer.figures)
    assert all(abs(value) < float("inf") for value in sharer.figures.values())


def test_the_same_stream_makes_the_same_release_to_the_byte_and_another_another():
    releases = [METHOD.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels).images for owner in ("a", "a", "b")]
    assert torch.equal(releases[0], releases[1])
    assert not torch.equal(releases[0], releases[2])


def by_heart(generator, discriminator, images, labels, settings, fitting, *, mode_seeking, compute, rng, report):
    """Trains a generator as nobody should: each label's one image is what it has to draw, whatever the noise."""
    assert mode_seeking == SyntheticImages().mode_seeking > 0  # it gets the knob, and has no use for it

    def loss_at(indices):
        return reconstruction_loss(images[indices], generator(torch.randn(len(indices), generator.noise, generator=rng), labels[indices]))

    fit([generator], loss_at, len(images), fitting, rng=rng)


def test_a_generator_that_learnt_twenty_images_by_heart_is_caught(monkeypatch):
    """The same gate lets a generator pass that was trained for a moment."""
    own, held_out = Labelled(pictures(20).images, torch.arange(20), 20), pictures(60, seed=1)
    longer = Fitting(steps=150, learning_rate=2e-2, batch_size=20, weight_decay=0.0)
    monkeypatch.setattr(synthetic_images, "train_generator", by_heart)
    overfitted = SyntheticImages(noise=16, width=16, fitting=longer)
    with pytest.raises(ReleaseError, match=r"of 20 synthetic images .* has memorised"):
        overfitted.learnt(own, held_out, compute=CPU, rng=stream(0, "overfitted"))
    released = replace(overfitted, fitting=FEW).learnt(own, held_out, compute=CPU, rng=stream(0, "overfitted"))
    assert released.figures["synthetic_memorised"] < 0.5


def test_it_says_that_its_releases_belong_to_no_image():
    assert isinstance(METHOD, SharingMethod)
    assert isinstance(METHOD, Unpaired)
    assert is_unpaired(METHOD)
    assert not is_unpaired(RawImages())


@pytest.mark.parametrize("knobs", [{"noise": 0}, {"width": 0}, {"mode_seeking": -1.0}, {"fitting": replace(FEW, patience=3)}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match=r"noise and width|without patience"):
        SyntheticImages(**knobs)
