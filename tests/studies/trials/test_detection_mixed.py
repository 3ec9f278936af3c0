"""What is read from mixed images with boxes, in small: by whom, from whose images, and between which anchors."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.data.letterbox import Letterbox
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.nets.pevit import VitSize
from dpm_flower.studies.trials.detection_mixed import MixedAttackers
from dpm_flower.studies.trials.detection_scene import Scene
from tests.studies.trials.smears import FEW, TASK, archive, ground

METHOD, LETTERBOX = MixedImages(patch=8), Letterbox((32, 40), 32)
ATTACKERS = MixedAttackers(
    sharpening=SuperResolution(fitting=FEW), decrypting=TransformerDecryptor(size=VitSize(12, 1, 2), fitting=FEW), shown=2
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smears")
    return Scene.of(TASK, ground(archive(folder / "smears.npz"), folder))


def squares(scene):
    return LETTERBOX.images(scene.receivers["a"].images)


@pytest.fixture(scope="module")
def told(scene):
    return ATTACKERS.asked(scene, METHOD, LETTERBOX, as_bytes(METHOD.encryption(squares(scene), torch.Generator())))


def test_who_takes_the_release_for_the_image_gets_everything_from_clear_squares_and_less_from_mixed_ones(scene, told):
    clear = ATTACKERS.asked(scene, METHOD, LETTERBOX, squares(scene)).figures
    for score in ("ssim", "inside"):
        assert clear[f"{score}_A0"] == pytest.approx(clear[f"{score}_ceiling_A0"], abs=2e-3)  # bytes were released
        assert told.figures[f"{score}_ceiling"] == told.figures[f"{score}_ceiling_A0"] == clear[f"{score}_ceiling"]
        assert told.figures[f"{score}_floor"] + 0.1 < told.figures[f"{score}_ceiling"] < 1.0  # the square is smaller than the image
    assert clear["disclosed_A0"] == pytest.approx(1.0, abs=0.01)
    assert told.figures["ssim_A0"] < clear["ssim_A0"] - 0.1
    assert told.figures["disclosed_A0"] < clear["disclosed_A0"] - 0.1


def test_the_headline_is_at_least_what_everybody_gets(told):
    everybody = [told.figures[f"disclosed_{who}"] for who in ("A0", "A2", "A2_decryptor")]
    assert told.figures["disclosed"] == pytest.approx(max(everybody))


def test_guesses_are_of_the_image_s_own_size_beside_what_they_are_judged_by(scene, told):
    assert list(told.pictures) == ["images", "clear", "floor", "A0", "A2", "A2_decryptor"]
    assert {tuple(images.shape) for images in told.pictures.values()} == {(2, 3, 32, 40)}
    assert torch.equal(told.pictures["images"], scene.receivers["a"].images[:2].float() / 255)
    assert torch.equal(told.pictures["clear"], LETTERBOX.images_back(LETTERBOX.images(told.pictures["images"])))


def test_the_attacker_has_no_image_of_the_victim(scene):
    view = ATTACKERS._view(scene, METHOD, LETTERBOX, "A2")
    known = {image.numpy().tobytes() for images in (view.public.images, view.own.images) for image in images}
    assert len(known) == len(scene.public) + len(scene.receivers["b"])
    assert not known & {image.numpy().tobytes() for image in squares(scene)}
    assert view.recipe == METHOD
    assert view.leaked is view.oracle is None


def test_no_picture_is_refused():
    with pytest.raises(SettingError, match="at least 1 picture shown, got 0"):
        replace(ATTACKERS, shown=0)
