import pytest
import torch

from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.encrypted_release import is_meant_for
from dpm_flower.attacks.jigsaw import PIECE_BYTES, Jigsaw, images_at_once
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.metrics.jigsaw import neighbour_accuracy, patch_accuracy
from dpm_flower.nets.encryption import Shuffling
from dpm_flower.nets.patches import cut
from tests.attacks.views import FEATURES, VICTIMS, view
from tests.training.toys import pictures

LARGE = pictures(24, seed=5, side=32).images
SHUFFLED = ShuffledImages(patch=8)


def attacker(folder, recipe=SHUFFLED, owner="attacker"):
    return Jigsaw().prepare(view(folder, recipe=recipe), stream(0, owner))


def test_it_puts_most_patches_back_where_chance_puts_a_sixteenth(tmp_path):
    shuffled = as_bytes(Shuffling(patch=8)(LARGE, stream(0)))
    guesses = attacker(tmp_path).guess(SharedImages(shuffled, torch.zeros(24, dtype=torch.int64))).images
    truth, guess = cut(as_bytes(LARGE).float() / 255, 8), cut(guesses, 8)
    assert guesses.is_floating_point()
    assert float(patch_accuracy(truth, guess).mean()) > 0.7
    assert float(neighbour_accuracy(truth, guess).mean()) > 0.7
    assert float(patch_accuracy(truth, cut(shuffled.float() / 255, 8)).mean()) < 0.15


def test_it_only_moves_patches_and_how_they_were_shuffled_does_not_matter():
    one, other = (Jigsaw().solved(Shuffling(patch=8)(LARGE[:6], stream(seed)), 8) for seed in (0, 1))
    for made, image in zip(cut(one, 8), cut(LARGE, 8), strict=False):
        assert sorted(made.flatten(1).tolist()) == sorted(image.flatten(1).tolist())
    assert float((one == other).flatten(1).all(1).float().mean()) > 0.6  # but for ties among starts


def test_it_draws_nothing_and_gives_the_same_guesses_under_every_stream(tmp_path):
    release = SharedImages(SHUFFLED.encryption(LARGE[:4], stream(0)), torch.zeros(4, dtype=torch.int64))
    one, other = (attacker(tmp_path, owner=owner).guess(release).images for owner in ("attacker", "another"))
    assert torch.equal(one, other)
    assert not torch.equal(one, release.images)  # it does something


def test_images_are_solved_one_by_one():
    shuffled = Shuffling(patch=8)(torch.cat([LARGE, LARGE]), stream(0))
    torch.testing.assert_close(Jigsaw().solved(shuffled, 8)[40:], Jigsaw().solved(shuffled[40:], 8))


def test_as_many_images_are_solved_at_a_time_as_their_patches_pairs_leave_room_for():
    assert [images_at_once(3, side, patch) for side, patch in ((32, 8), (64, 16), (32, 2), (12, 16))] == [32] * 4
    pair = 4 * 2 * 3  # bytes of a line of two pixels in three colours
    assert PIECE_BYTES - 32**4 * pair < images_at_once(3, 64, 2) * 32**4 * pair <= PIECE_BYTES
    assert images_at_once(3, 224, 2) == 1


def test_what_it_cannot_work_on_it_takes_as_everybody_does(tmp_path):
    features = SharedFeatures(FEATURES, VICTIMS.labels)
    everybody = PublicReconstructor().prepare(view(tmp_path), stream(0)).guess(features).images
    for recipe in (SHUFFLED, RawFeatures()):
        assert torch.equal(attacker(tmp_path, recipe).guess(features).images, everybody)
    images = SharedImages(VICTIMS.images, VICTIMS.labels)
    for recipe in (MixedImages(patch=4), RawFeatures(), ShuffledImages(patch=1), ShuffledImages(patch=12)):
        assert torch.equal(attacker(tmp_path, recipe).guess(images).images, VICTIMS.images)
    for recipe in (SHUFFLED, RawFeatures()):
        assert isinstance(attacker(tmp_path, recipe).guess(ModelUpdate({}, 1)), NotApplicable)


def test_it_is_an_attack_that_needs_the_recipe_and_a_start(tmp_path):
    assert isinstance(Jigsaw(), Attack)
    assert (Jigsaw().level, Jigsaw().name, Jigsaw(starts=4).name) == (Level.A2, "A2.jigsaw", "A2.jigsaw.x4")
    with pytest.raises(SettingError, match=r"the recipe for A2\.jigsaw, got one without"):
        attacker(tmp_path, None)
    with pytest.raises(SettingError, match="starts must be at least 1, got 0"):
        Jigsaw(starts=0)


def test_which_releases_it_is_meant_for():
    assert is_meant_for(Jigsaw(), ShuffledImages(patch=4))
    assert not is_meant_for(Jigsaw(), MixedImages(patch=4))
    assert not is_meant_for(Jigsaw(), RawFeatures())  # there it is the public reconstructor under another name
    assert is_meant_for(TransformerDecryptor(), MixedImages(patch=4))
    assert not is_meant_for(Shadow(), ShuffledImages(patch=4))  # a shadow of shuffled images learns nothing
    assert is_meant_for(Shadow(), RawFeatures())
    assert is_meant_for(Shadow(), DrawnFeatures())  # that these teach it nothing, its attacker says
    assert not is_meant_for(Jigsaw(), DrawnFeatures())
