import pytest
import torch

from dpm_flower.attacks.nearness import encrypted_nearness
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.streams import stream
from dpm_flower.nets.encryption import Mixing, Shuffling
from tests.attacks.views import scenes

ENCRYPTIONS = (Shuffling(patch=4), Mixing(patch=4))
NOISE = torch.rand(40, 3, 12, 12, generator=stream(0, "noise"))
SCENES = scenes(40, seed=6).images


def released(images, encryption):
    return encryption(images, stream(0, "victim"))


@pytest.mark.parametrize("encryption", ENCRYPTIONS, ids=repr)
@pytest.mark.parametrize("images", [NOISE, SCENES, as_bytes(SCENES)], ids=("noise", "scenes", "bytes"))
def test_every_image_lies_at_no_distance_from_its_own_release_and_at_some_from_all_others(images, encryption):
    scores = encrypted_nearness(encryption, released(images, encryption), images)
    own = torch.eye(len(images), dtype=torch.bool)
    torch.testing.assert_close(scores[own], torch.zeros(len(images), dtype=torch.float64), rtol=0, atol=1e-9)
    assert float(scores[~own].max()) < -1e-5


@pytest.mark.parametrize("encryption", ENCRYPTIONS, ids=repr)
def test_what_is_rounded_to_bytes_or_a_little_noisy_is_found_as_well(encryption):
    made = released(SCENES, encryption).float()
    noisy = made + 0.02 * torch.randn(made.shape, generator=stream(0, "noise"))
    for given in (as_bytes(made), noisy):
        assert torch.equal(encrypted_nearness(encryption, given, SCENES).argmax(1), torch.arange(len(SCENES)))


def test_images_of_another_size_are_refused():
    with pytest.raises(ShapeError, match="wanted released features like the candidates'"):
        encrypted_nearness(ENCRYPTIONS[0], NOISE, NOISE[..., :8, :8])
