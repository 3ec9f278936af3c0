import torch

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.decryptor import Decryptor
from dpm_flower.nets.encryption import Mixing
from dpm_flower.nets.pevit import VitSize
from dpm_flower.training.decryption import train_decryptor
from dpm_flower.training.prediction import apply
from tests.training.toys import CPU, SIDE, equal, pictures, state_of

DATA, HELD_OUT = pictures(48), pictures(30, seed=1)
FITTING = Fitting(steps=60, learning_rate=1e-2, batch_size=16, weight_decay=0.0)


def train(encrypt, fitting=FITTING):
    with global_generator_from(stream(0)):
        network = Decryptor(SIDE, 6, ordered=True, size=VitSize(16, 1, 2))
    train_decryptor(network, DATA.images, encrypt, fitting, compute=CPU, rng=stream(0, "a"))
    return network


def test_it_learns_the_way_back_for_images_that_it_has_not_seen():
    mixing = Mixing(patch=6)
    mixed = mixing(HELD_OUT.images, stream(0))
    guesses = apply(train(mixing), mixed, CPU)
    assert float((guesses - HELD_OUT.images).abs().mean()) < 0.7 * float((mixed - HELD_OUT.images).abs().mean())


def test_images_are_encrypted_anew_at_every_step_from_the_one_stream():
    seen = []

    def encrypt(images, rng):
        seen.append(torch.rand(1, generator=rng).item())
        return images

    first = state_of(train(encrypt, Fitting(steps=4, learning_rate=1e-3, batch_size=16)))
    assert len(set(seen)) == 4
    again = state_of(train(encrypt, Fitting(steps=4, learning_rate=1e-3, batch_size=16)))
    assert seen[:4] == seen[4:]
    assert equal(first, again)
