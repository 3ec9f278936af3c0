import pytest
import torch

from dpm_flower.attacks.gallery import gallery_of
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.spanned_release import SpannedRelease, spanned
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.protocols import LinkageAttack, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.drawn_features import drawn_weights
from tests.attacks.peers import VICTIMS
from tests.attacks.views import features, scenes, view

GALLERY = gallery_of(VICTIMS, (scenes(140, seed=4),), stream(0, "gallery"), 200)  # 60 victims, 140 others


def blends(share=1.0):
    """For each image a blend of all of its class, in parts drawn anew; `share` is the number of blends for each image."""
    raw, rng = features(VICTIMS.images), stream(0, "blends")
    blended, labels = [], []
    for number in VICTIMS.labels.unique():
        own = raw[VICTIMS.labels == number]
        parts = drawn_weights(torch.arange(len(own)).expand(len(own), -1), max(2, round(share * len(own))), rng)
        blended.append((parts @ own.flatten(1)).view(-1, *own.shape[1:]))
        labels.append(number.repeat(len(parts)))
    return SharedFeatures(torch.cat(blended), torch.cat(labels))


def stood_out(folder, attack, batch):
    return GALLERY.stood_out(attack.linker(view(folder), stream(0)).link(batch, GALLERY.images)).figures["rank1"]


def test_blends_of_all_span_everybody_who_is_in_them_and_distances_see_nothing(tmp_path):
    assert stood_out(tmp_path, SpannedRelease(), blends()) > 0.9
    assert stood_out(tmp_path, NearestFeatures(), blends()) < 0.1


def test_few_blends_span_few(tmp_path):
    assert stood_out(tmp_path, SpannedRelease(), blends(share=0.1)) < 0.2


def test_the_share_of_what_is_spanned_is_one_of_the_rest_less():
    released = torch.zeros(3, 2, 1, 2)
    released[0, 0, 0, 0] = 1.0
    released[1, 0, 0, 1] = 1.0  # these and 0 span a plane
    candidates = torch.stack([released[0] - 2 * released[1], torch.tensor([[[1 / 3, 1 / 3]], [[5.0, 0.0]]])])
    torch.testing.assert_close(spanned(released, candidates), torch.tensor([1.0, 0.0], dtype=torch.float64))


def test_more_releases_than_values_span_everything():
    released = torch.randn(40, 2, 1, 3, generator=stream(0, "many"))
    torch.testing.assert_close(spanned(released, torch.randn(5, 2, 1, 3, generator=stream(0, "few"))), torch.ones(5, dtype=torch.float64))


def test_a_release_that_is_the_same_everywhere_spans_nothing():
    assert spanned(torch.ones(4, 2, 1, 2), torch.rand(3, 2, 1, 2, generator=stream(0))).tolist() == [0.0, 0.0, 0.0]


def test_released_images_are_compared_as_by_nearest_features(tmp_path):
    batch = SharedImages(VICTIMS.images, VICTIMS.labels)
    one, other = (attack.linker(view(tmp_path), stream(0)).link(batch, GALLERY.images) for attack in (SpannedRelease(), NearestFeatures()))
    assert torch.equal(one, other)


def test_features_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match="wanted released features like the candidates'"):
        SpannedRelease().linker(view(None), stream(0)).link(
            SharedFeatures(torch.zeros(2, 3, 9, 9), torch.zeros(2, dtype=torch.int64)), GALLERY.images
        )


def test_an_update_holds_no_features(tmp_path):
    answer = SpannedRelease().linker(view(tmp_path), stream(0)).link(ModelUpdate({}, 3), GALLERY.images)
    assert isinstance(answer, NotApplicable)
    assert isinstance(SpannedRelease(), LinkageAttack)
