from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.batch_statistics import statistics_mismatch, told_statistics, watched
from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.guess_matching import in_order
from dpm_flower.attacks.update_inversion import UpdateInversion
from dpm_flower.attacks.updated_part import gradient_step, part_of
from dpm_flower.core.errors import SettingError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.metrics.similarity import sign_aware_ssim
from dpm_flower.nets.batch_norms import norms_in_training
from tests.attacks.updating import NETS, OWN, clouds, network_of, noise_update, normed_nets, seen, trained
from tests.training.toys import CPU, equal

ONE = clouds(3, seed=3).take(torch.tensor([0]))
GRADIENT = UpdateInversion(steps=120, local_steps="gradient")
START = part_of(NETS, ModelUpdate(network_of().state_dict(), 1), CPU)
FLOOR = float(sign_aware_ssim(ONE.images, class_mean_guess(ONE.labels, OWN).images))
CLEAR = 0.3  # above what the label tells


def attacker(folder, attack=GRADIENT, owner="attacker", **changes):
    return attack.prepare(seen(folder, **changes), stream(0, owner))


def nearness(guess):
    return float(sign_aware_ssim(ONE.images, guess.images))


@pytest.fixture(scope="module")
def inverted(tmp_path_factory):
    """What the attack makes of one image's gradient, its label inferred."""
    step = gradient_step(START, ONE.images, ONE.labels, CPU)
    return attacker(tmp_path_factory.mktemp("attacker")).guess(step)


def test_one_images_gradient_is_inverted_far_above_what_the_label_tells(inverted):
    assert isinstance(inverted, Guess)
    assert nearness(inverted) > FLOOR + CLEAR


def test_a_residual_network_s_update_is_inverted_where_batch_norms_tell_what_they_were_fed_with(tmp_path):
    """A step of Adam on two images, as an entity makes it, in a network that has been trained before."""
    nets, two = normed_nets(steps=30), clouds(6, seed=3).take(torch.tensor([0, 4]))
    attack = attacker(tmp_path, UpdateInversion(steps=250, learning_rate=0.1, smoothness=0.5), nets=nets)
    found = in_order(two.images, attack.invert(trained(two, 1, nets=nets), two.labels))
    floor = class_mean_guess(two.labels, OWN)
    assert float(sign_aware_ssim(two.images, found.images).mean()) > float(sign_aware_ssim(two.images, floor.images).mean()) + 0.2


def test_what_batch_norms_told_draws_the_guess_towards_it(tmp_path):
    nets, two = normed_nets(), clouds(6, seed=3).take(torch.tensor([0, 4]))
    part, brief = part_of(nets, trained(two, 1, nets=nets), CPU), UpdateInversion(steps=20, learning_rate=0.1)
    told, apart = told_statistics(part), {}
    for weight in (0.0, 10.0):
        attack = attacker(tmp_path, replace(brief, statistics=weight), nets=nets)
        guess = attack.invert(trained(two, 1, nets=nets), two.labels)
        start = part_of(nets, trained(two, 1, nets=nets), CPU).start
        fed = watched(start, told)
        norms_in_training(start, training=True)
        start(guess.images)
        apart[weight] = float(statistics_mismatch(fed, told).detach())
    assert apart[10.0] < 0.5 * apart[0.0]


def test_it_repeats_itself_and_known_labels_give_what_inferred_ones_gave(inverted, tmp_path):
    again = attacker(tmp_path).invert(gradient_step(START, ONE.images, ONE.labels, CPU), ONE.labels)
    assert torch.equal(again.images, inverted.images)


def test_the_same_stream_gives_the_same_guesses_and_another_one_others(tmp_path):
    step = gradient_step(START, ONE.images, ONE.labels, CPU)
    first, again, other = (
        attacker(tmp_path, replace(GRADIENT, steps=2), owner).guess(step).images for owner in ("attacker", "attacker", "another")
    )
    assert torch.equal(again, first)
    assert not torch.equal(other, first)


def test_an_update_that_went_anywhere_tells_nothing(tmp_path):
    assert nearness(attacker(tmp_path).invert(noise_update(1), ONE.labels)) < FLOOR


def test_a_step_of_adam_is_inverted_better_by_who_knows_that_it_was_one(tmp_path):
    """Two images, since nobody trains on one; the update is the one that an entity's own training makes."""
    two = clouds(6, seed=3).take(torch.tensor([0, 4]))
    knowing = attacker(tmp_path, replace(GRADIENT, local_steps="adam")).invert(trained(two, 1), two.labels)
    ignorant = attacker(tmp_path).invert(trained(two, 1), two.labels)
    found, less = (float(sign_aware_ssim(two.images, guess.images).mean()) for guess in (knowing, ignorant))
    assert found > less + 0.05


def test_a_decider_is_inverted_through_the_featurizer(tmp_path):
    part = part_of(NETS, ModelUpdate(NETS.decider.state_dict(), 1), CPU)
    before = NETS.tensors()
    guess = attacker(tmp_path).invert(gradient_step(part, ONE.images, ONE.labels, CPU), ONE.labels)
    assert nearness(guess) > FLOOR
    assert equal(NETS.tensors(), before)


def test_it_guesses_as_many_as_there_are_but_no_more_than_it_has_patience_for(tmp_path):
    brief = attacker(tmp_path, replace(GRADIENT, steps=2, images=3))
    assert [len(brief.guess(replace(noise_update(1), samples=samples)).images) for samples in (2, 3, 4)] == [2, 3, 3]
    images = brief.guess(noise_update(3)).images
    assert tuple(images.shape) == (3, 3, 16, 16)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


def test_a_release_holds_no_update(tmp_path):
    for release in (SharedImages(ONE.images, ONE.labels), SharedFeatures(torch.zeros(1, 4, 6, 6), ONE.labels)):
        answer = attacker(tmp_path).guess(release)
        assert isinstance(answer, NotApplicable)
        assert "holds no model update" in answer.reason


def test_without_own_images_labels_cannot_be_inferred(tmp_path):
    with pytest.raises(SettingError, match=r"own images for U1\.gradient\.s120, got one without"):
        attacker(tmp_path, own=None).guess(noise_update(1))


def test_names_and_knobs():
    assert isinstance(GRADIENT, Attack)
    assert GRADIENT.level is Level.U1
    assert UpdateInversion().name == "U1"
    assert (
        UpdateInversion(local_steps="gradient", steps=9, learning_rate=0.1, smoothness=0.5, statistics=0.0, images=2).name
        == "U1.gradient.s9.r0_1.tv0_5.bn0.n2"
    )


@pytest.mark.parametrize(
    "knob",
    [{"steps": 0}, {"images": 0}, {"learning_rate": 0.0}, {"smoothness": -1.0}, {"statistics": -1.0}, {"local_steps": "sgd"}],
    ids=str,
)
def test_knobs_that_cannot_work_are_refused(knob):
    with pytest.raises(SettingError, match=next(iter(knob))):
        UpdateInversion(**knob)
