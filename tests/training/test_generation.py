import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.dcgan import Discriminator, Generator
from dpm_flower.training.adversarial import Adversarial
from dpm_flower.training.generation import drawn, mode_seeking_loss, train_generator
from tests.training.toys import CPU, equal, state_of

SIDE, HALVES = 8, 2
FITTING = Fitting(steps=100, learning_rate=5e-3, batch_size=8, weight_decay=0.0, schedule="cosine")


def halves(count):
    """Class 0 is bright on the left, class 1 on the right."""
    labels = torch.arange(count) % HALVES
    images = torch.zeros(count, 1, SIDE, SIDE)
    images[labels == 0, :, :, : SIDE // 2] = 0.9
    images[labels == 1, :, :, SIDE // 2 :] = 0.9
    return images + 0.1 * torch.rand(images.shape, generator=stream(0, "halves")), labels


def trained(*, classes=HALVES, fitting=FITTING, mode_seeking=0.0):
    images, labels = halves(32)
    rng = stream(0, "generator")
    with global_generator_from(rng):
        generator = Generator(SIDE, channels=1, noise=4, width=8, classes=classes)
        discriminator = Discriminator(SIDE, channels=1, width=8, classes=classes)
    settings = Adversarial(learning_rate=5e-3, augment="none")
    given = labels if classes else None
    train_generator(generator, discriminator, images, given, settings, fitting, mode_seeking=mode_seeking, compute=CPU, rng=rng)
    return generator


def test_a_class_is_drawn_brighter_where_its_images_are():
    images, labels = drawn(trained(), torch.tensor([0, 1] * 20), CPU, stream(0, "drawn")), torch.tensor([0, 1] * 20)
    assert images.shape == (40, 1, SIDE, SIDE)
    left = images[..., : SIDE // 2].mean((1, 2, 3)) - images[..., SIDE // 2 :].mean((1, 2, 3))
    assert float(left[labels == 0].mean() - left[labels == 1].mean()) > 0.4  # without the label there is no difference


def test_the_same_stream_draws_the_same_and_trains_the_same_and_another_another():
    short = Fitting(steps=3, learning_rate=5e-3, batch_size=8, weight_decay=0.0, schedule="cosine")
    one, other = trained(classes=0, fitting=short), trained(classes=0, fitting=short)
    assert equal(state_of(one), state_of(other))
    first, second, third = (drawn(one, 5, CPU, stream(0, name)) for name in ("a", "a", "b"))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    assert len(first) == 5
    assert not one.training


def test_mode_seeking_is_the_ratio_of_distances_by_hand():
    noise = torch.tensor([[0.0, 2.0], [1.0, 1.0], [4.0, 2.0], [1.0, 5.0]])  # halves differ by 4, 0 and 0, 4: 2 in the mean
    made = torch.tensor([0.1, 0.2, 0.5, 0.8]).view(4, 1, 1, 1)  # by 0.4 and 0.6: 0.5 in the mean
    assert float(mode_seeking_loss(noise, made)) == pytest.approx(2.0 / 0.50001)
    assert float(mode_seeking_loss(noise, torch.full((4, 1, 2, 2), 0.3))) == pytest.approx(2.0e5)


def test_with_classes_modes_are_sought_within_each():
    noise = torch.tensor([[0.0, 2.0], [1.0, 1.0], [4.0, 2.0], [1.0, 5.0]])
    made = torch.tensor([0.1, 0.2, 0.5, 0.8]).view(4, 1, 1, 1)
    pairs_of_two = mode_seeking_loss(noise, made, torch.tensor([1, 0, 1, 0]))  # rows 1 and 3, 0 and 2
    assert float(pairs_of_two) == pytest.approx(2.0 / 0.50001)
    assert float(mode_seeking_loss(noise, made, torch.tensor([3, 0, 0, 5]))) == pytest.approx(2.0 / 0.30001)  # rows 1 and 2: 3, 1
    assert float(mode_seeking_loss(noise, made, torch.arange(4))) == 0.0


@pytest.mark.parametrize("classes", [0, HALVES])
def test_a_generator_that_seeks_modes_makes_images_of_a_class_that_differ_more(classes):
    labels = torch.ones(40, dtype=torch.int64) if classes else 40
    made = [drawn(trained(classes=classes, mode_seeking=weight), labels, CPU, stream(0, "drawn")) for weight in (0.0, 1.0)]
    spread = [float(images.std(0).mean()) for images in made]
    assert spread[1] > 1.2 * spread[0]


def test_modes_are_not_sought_backwards():
    with pytest.raises(SettingError, match="mode_seeking must be >= 0"):
        trained(mode_seeking=-1.0)
