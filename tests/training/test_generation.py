import torch

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.dcgan import Discriminator, Generator
from dpm_flower.training.adversarial import Adversarial
from dpm_flower.training.generation import drawn, train_generator
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


def trained(*, classes=HALVES, fitting=FITTING):
    images, labels = halves(32)
    rng = stream(0, "generator")
    with global_generator_from(rng):
        generator = Generator(SIDE, channels=1, noise=4, width=8, classes=classes)
        discriminator = Discriminator(SIDE, channels=1, width=8, classes=classes)
    settings = Adversarial(learning_rate=5e-3, augment="none")
    train_generator(generator, discriminator, images, labels if classes else None, settings, fitting, compute=CPU, rng=rng)
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
