import re

import pytest
import torch

from dpm_flower.attacks.auxiliary import (
    DRAWS,
    NoFeaturesError,
    check_auxiliary,
    joined,
    released_features,
    repeated_draws,
    with_task_labels,
)
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, as_bytes
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.payload.codec import as_received
from dpm_flower.training.prediction import apply
from tests.attacks.views import NETS, PUBLIC, VICTIMS, features, view
from tests.training.toys import CPU, pictures

OWN = pictures(9, seed=2)


def test_public_images_of_other_classes_get_those_of_the_task_as_the_public_decider_sees_them(tmp_path):
    other_classes = Labelled(PUBLIC.images, PUBLIC.labels + 40, 60)
    public, own = with_task_labels(view(tmp_path, public=other_classes, own=OWN), "public+own")
    assert public.images is PUBLIC.images
    assert torch.equal(public.labels, apply(NETS.decider, features(PUBLIC.images), CPU).argmax(1))
    assert len(public.labels.unique()) == NETS.classes
    assert (public.classes, own) == (NETS.classes, OWN)


def test_own_images_are_used_where_they_are_wanted_only_and_must_then_be_there(tmp_path):
    assert len(with_task_labels(view(tmp_path, own=OWN), "public")) == 1
    assert with_task_labels(view(tmp_path, own=OWN), "own") == (OWN,)
    for chosen in ("public+own", "own"):
        with pytest.raises(SettingError, match=f'own images for the auxiliary set "{re.escape(chosen)}"'):
            with_task_labels(view(tmp_path), chosen)
    with pytest.raises(SettingError, match="got 'both'"):
        check_auxiliary("both")


def test_sets_are_joined_in_order_bytes_and_floats_alike():
    stored = Labelled(as_bytes(OWN.images), OWN.labels, OWN.classes)
    both = joined((PUBLIC, stored))
    torch.testing.assert_close(both.images, torch.cat([PUBLIC.images, stored.images / 255]))
    assert torch.equal(both.labels, torch.cat([PUBLIC.labels, OWN.labels]))
    assert joined((OWN,)) is OWN


def test_released_features_come_one_set_after_the_other():
    found = released_features(lambda images, labels: SharedFeatures(features(images), labels), (OWN, VICTIMS))
    torch.testing.assert_close(found, torch.cat([features(OWN.images), features(VICTIMS.images)]))


def test_features_in_a_codec_come_as_their_readers_get_them():
    def share(images, labels):
        return SharedFeatures(features(images), labels, "avif-20")

    found = released_features(share, (OWN, VICTIMS))
    wanted = [as_received(share(each.images, each.labels)).features for each in (OWN, VICTIMS)]
    assert torch.equal(found, torch.cat(wanted))
    assert not torch.allclose(found, torch.cat([features(OWN.images), features(VICTIMS.images)]), atol=1e-2)


def test_what_is_drawn_anew_is_asked_for_several_times_and_what_is_not_once():
    drawing = stream(0)

    def noisy(images, labels):
        return SharedFeatures(features(images) + torch.rand((1, 1, 1, 1), generator=drawing), labels)

    draws = repeated_draws(noisy, (OWN, VICTIMS))
    assert len(draws) == DRAWS == len({float(each.mean()) for each in draws})
    certain = repeated_draws(lambda images, labels: SharedFeatures(features(images), labels), (OWN, VICTIMS))
    assert len(certain) == 1
    torch.testing.assert_close(certain[0], torch.cat([features(OWN.images), features(VICTIMS.images)]))


@pytest.mark.parametrize(
    ("share", "reason"), [(SharedImages, "images are shared"), (lambda images, labels: ModelUpdate({}, 1), "a model update is shared")]
)
def test_what_is_no_features_is_refused_with_its_reason(share, reason):
    with pytest.raises(NoFeaturesError, match=reason):
        released_features(share, (OWN,))
