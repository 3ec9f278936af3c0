from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.optimised import BATCH, Drawn, Optimised, Pixels, mismatch, total_variation
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.core.errors import SettingError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Guess, NotApplicable, SlowAttack
from dpm_flower.core.shared import ModelUpdate, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.metrics.similarity import windowed_ssim
from tests.attacks.peers import CLEAR, SCORED, UNHIDDEN, VICTIMS, assert_sees, assert_sees_half, floor, prepared, release, score, some
from tests.attacks.test_shadow import INVERSE
from tests.attacks.views import FEATURES, NETS, view
from tests.regime.reachable import shares_with, tensors_from

ATTACK = Optimised()
GREY = Optimised(canvas="grey", learning_rate=0.05)
NETWORK = Optimised(canvas="network", learning_rate=0.01, steps=200)
ALL = pytest.mark.parametrize("attack", [ATTACK, GREY, NETWORK], ids=lambda attack: attack.canvas)
PIXELS = pytest.mark.parametrize("attack", [ATTACK, GREY], ids=lambda attack: attack.canvas)
FEW = some(release(RawFeatures()), slice(8))


def brief(attack):
    return replace(attack, steps=4)


@ALL
def test_on_raw_features_it_sees_more_than_the_class_tells(attack, tmp_path):
    assert_sees(tmp_path, attack, RawFeatures())


def test_from_the_public_reconstructor_s_guess_it_sees_more_than_that_one(tmp_path):
    assert score(tmp_path, ATTACK, RawFeatures()) > score(tmp_path, PublicReconstructor(), RawFeatures()) + 0.02


@PIXELS
def test_on_features_of_other_images_it_sees_nothing(attack, tmp_path):
    shuffled = some(release(RawFeatures()), slice(SCORED))
    guess = prepared(tmp_path, attack, RawFeatures()).guess(replace(shuffled, features=shuffled.features.roll(1, 0)))
    assert float(windowed_ssim(VICTIMS.images[:SCORED], guess.images).mean()) < floor()


def test_on_a_module_that_hides_nothing_it_sees_half_of_what_the_module_s_own_inverse_sees(tmp_path):
    assert_sees_half(tmp_path, ATTACK, UNHIDDEN, INVERSE)


def test_smooth_images_are_better_guesses(tmp_path):
    rough = replace(GREY, smoothness=0.0)
    assert score(tmp_path, GREY, RawFeatures()) > score(tmp_path, rough, RawFeatures()) + CLEAR


@ALL
def test_features_come_nearer_to_what_was_released_step_by_step(attack, tmp_path):
    losses = []
    attacker = prepared(tmp_path, replace(attack, steps=30), RawFeatures(), report=lambda progress: losses.append(progress.loss))
    guess = attacker.guess(FEW).images
    assert len(losses) == 4
    assert losses == sorted(losses, reverse=True)
    assert float(mismatch(NETS.featurizer(guess), FEW.features).mean()) < losses[0]
    assert not guess.requires_grad
    assert float(guess.min()) >= 0.0
    assert float(guess.max()) <= 1.0


@ALL
def test_it_asks_for_no_image_and_keeps_nothing(attack, tmp_path):
    attacker = prepared(tmp_path, brief(attack), UNHIDDEN, features=None)
    attacker.guess(FEW)
    secrets = [VICTIMS.images, release(UNHIDDEN).features]
    assert [tensor.shape for tensor in tensors_from(attacker) if shares_with(tensor, secrets)] == []
    assert list(tmp_path.rglob("*.safetensors")) == []


@ALL
def test_the_same_stream_gives_the_same_guesses_whatever_else_was_asked_before(attack, tmp_path):
    attacker = prepared(tmp_path, brief(attack), RawFeatures())
    before = torch.get_rng_state()
    first = attacker.guess(FEW).images
    assert torch.equal(attacker.guess(FEW).images, first)
    assert torch.equal(prepared(tmp_path, brief(attack), RawFeatures()).guess(FEW).images, first)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_stream_draws_another_network(tmp_path):
    found = [brief(NETWORK).prepare(view(tmp_path), stream(0, owner)).guess(FEW).images for owner in ("one", "another")]
    assert not torch.equal(*found)


@PIXELS
def test_an_image_s_guess_does_not_depend_on_the_others(attack, tmp_path):
    """Nor on the batch that it is in."""
    attacker = prepared(tmp_path, brief(attack), RawFeatures())
    many = replace(FEW, features=FEATURES[torch.arange(BATCH + 3) % len(FEATURES)], labels=torch.zeros(BATCH + 3).long())
    guess = attacker.guess(many).images
    assert len(guess) == BATCH + 3
    for number in (0, BATCH + 2):
        alone = attacker.guess(some(many, slice(number, number + 1))).images
        # Adam makes whole steps of the tiniest gradients, and the sign of those is a matter of rounding
        torch.testing.assert_close(guess[number : number + 1], alone, atol=0.02, rtol=0)


def test_progress_counts_the_steps_of_all_batches_under_its_name(tmp_path):
    notes = []
    attacker = prepared(tmp_path, brief(GREY), RawFeatures(), report=notes.append)
    attacker.guess(replace(FEW, features=FEATURES[torch.arange(BATCH + 1) % len(FEATURES)]))
    assert [(each.step, each.steps) for each in notes] == [(1, 8), (4, 8), (5, 8), (8, 8)]
    assert {each.work for each in notes} == {brief(GREY).name}


def test_networks_stay_as_they_were(tmp_path):
    modes = [module.training for module in NETS.featurizer.modules()]
    digest = NETS.digest()
    prepared(tmp_path, brief(ATTACK), RawFeatures()).guess(FEW)
    assert NETS.digest() == digest
    assert [module.training for module in NETS.featurizer.modules()] == modes
    assert all(parameter.grad is None for parameter in NETS.featurizer.parameters())


def test_features_of_nothing_have_a_guess(tmp_path):
    dark = replace(FEW, features=torch.zeros_like(FEW.features))
    for attack in (ATTACK, GREY, NETWORK):
        assert bool(prepared(tmp_path, brief(attack), RawFeatures()).guess(dark).images.isfinite().all())


def test_images_are_their_own_guess_and_a_model_update_is_another_attack_s_business(tmp_path):
    attacker = prepared(tmp_path, brief(ATTACK), UNHIDDEN)
    guess = attacker.guess(SharedImages(VICTIMS.images, VICTIMS.labels))
    assert isinstance(guess, Guess)
    assert torch.equal(guess.images, VICTIMS.images)
    result = attacker.guess(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason


def test_equal_features_match_and_others_do_so_by_direction_and_by_size():
    wanted = torch.rand(5, 2, 3, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    assert mismatch(wanted, wanted).tolist() == pytest.approx([0.0] * 5, abs=1e-6)
    assert mismatch(3 * wanted, wanted).tolist() == pytest.approx([4.0] * 5, abs=1e-5)  # (3 - 1)^2, and the same direction
    assert mismatch(-wanted, wanted).tolist() == pytest.approx([6.0] * 5, abs=1e-5)  # (-1 - 1)^2, and the opposite one


def test_total_variation_is_that_of_neighbours():
    flat, stripes = torch.full((1, 3, 4, 4), 0.3), (torch.arange(4) % 2).float().expand(1, 3, 4, 4)
    assert total_variation(torch.cat([flat, stripes])).tolist() == [0.0, 1.0]


def test_pixels_stay_in_range_and_may_leave_its_ends_again():
    canvas = Pixels(torch.tensor([-1.0, 0.5, 2.0]).view(1, 3, 1, 1))
    images = canvas()
    assert images.flatten().tolist() == [0.0, 0.5, 1.0]
    images.sum().backward()
    assert canvas.values.grad.flatten().tolist() == [1.0] * 3


def test_a_network_draws_images_of_any_size_from_numbers_that_stay():
    canvas = Drawn(2, (3, 4), 14, stream(0))
    assert canvas().shape == (2, 3, 14, 14)
    assert all(parameter is not canvas.code for parameter in canvas.parameters())


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"canvas": "white"}, "reconstruction, grey, network, got 'white'"),
        ({"steps": 0}, "at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0"),
        ({"smoothness": -0.1}, "smoothness must be >= 0"),
        ({"smoothness": float("nan")}, "smoothness must be >= 0"),
        ({"images": 1}, "images must be at least 2, got 1"),
    ],
)
def test_knobs_that_cannot_work_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        Optimised(**knobs)


def test_it_is_an_attack_that_says_in_its_name_what_is_not_usual():
    assert isinstance(ATTACK, SlowAttack)
    assert ATTACK.most_images == 256
    assert replace(ATTACK, images=64).name == "A6.n64"
    assert ATTACK.level is Level.A6
    assert [ATTACK.name, Optimised(canvas="network", steps=300).name] == ["A6", "A6.network.s300"]
    assert Optimised(canvas="grey", learning_rate=0.055, smoothness=0.0).name == "A6.grey.r0_055.tv0"
