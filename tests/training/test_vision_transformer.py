from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.pevit import VisionTransformer, VitSize
from dpm_flower.training.prediction import accuracy
from dpm_flower.training.supervised import Examples
from dpm_flower.training.vision_transformer import DEIT, Softening, train_vision_transformer
from tests.training.toys import CLASSES, CPU, SIDE, equal, interrupting, pictures, state_of

DATA, HELD_OUT = pictures(48), pictures(30, seed=1)
FEW = replace(DEIT, steps=40, batch_size=16, learning_rate=5e-3)
OFF = Softening(mixup=0.0, cutmix=0.0, smoothing=0.0, mirror=False)
PLAIN = replace(OFF, mixup=0.8, cutmix=1.0, smoothing=0.1)  # these pictures are told apart by what a mirror turns round


def fresh():
    with global_generator_from(stream(0, "vit")):
        return VisionTransformer(SIDE, 4, CLASSES, "learned", VitSize(16, 2, 2))


def train(fitting=FEW, softening=PLAIN, owner="a", **more):
    network = fresh()
    examples = Examples(DATA.images, DATA.labels)
    train_vision_transformer(network, examples, CLASSES, fitting, softening, compute=CPU, rng=stream(0, owner), **more)
    return network


def test_it_learns_what_held_out_images_show():
    assert accuracy(fresh(), HELD_OUT.images, HELD_OUT.labels, CPU).top1 < 0.6
    assert accuracy(train(), HELD_OUT.images, HELD_OUT.labels, CPU).top1 > 0.9


def test_the_stream_decides_everything_and_the_global_generator_is_left_alone():
    few, before = replace(FEW, steps=3), torch.random.get_rng_state()
    first = state_of(train(few))
    torch.rand(5)
    assert equal(state_of(train(few)), first)
    assert not equal(state_of(train(few, owner="b")), first)
    torch.random.set_rng_state(before)
    train(few)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("knob", [{"mixup": 0.8}, {"cutmix": 1.0}, {"smoothing": 0.1}, {"mirror": True}])
def test_each_part_of_it_reaches_the_training(knob):
    few = replace(FEW, steps=2)
    assert not equal(state_of(train(few, replace(OFF, **knob))), state_of(train(few, OFF)))


def test_mixed_up_images_lie_between_two_and_so_do_their_labels():
    images = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 4, 4)
    mixed, shares = replace(OFF, mixup=0.8)(images, torch.arange(8), 8, stream(0))
    torch.testing.assert_close(shares.sum(1), torch.ones(8))
    torch.testing.assert_close(mixed, (shares @ torch.arange(8.0)).view(8, 1, 1, 1).expand(8, 3, 4, 4))
    assert int((shares > 0).sum(1).max()) == 2


def test_a_pasted_rectangle_has_its_area_s_share_of_the_label():
    images, rng = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 16, 16), stream(0)
    for _ in range(5):
        cut, shares = replace(OFF, cutmix=1.0)(images, torch.arange(8), 8, rng)
        areas = torch.stack([(cut[:, 0] == label).float().mean((1, 2)) for label in range(8)], 1)
        torch.testing.assert_close(shares, areas)


def test_half_of_all_batches_are_mixed_up_and_half_are_pasted():
    images, rng = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 16, 16), stream(0)
    whole = [bool((mixed == mixed[:, :1, :1, :1]).all()) for mixed, _ in (Softening()(images, torch.arange(8), 8, rng) for _ in range(60))]
    assert 18 < sum(whole) < 42


def test_without_anything_nothing_is_changed_and_half_the_images_are_mirrored_where_they_may_be():
    images = torch.rand(200, 3, 4, 4, generator=stream(0))
    same, shares = OFF(images, torch.zeros(200, dtype=torch.int64), 2, stream(0))
    assert torch.equal(same, images)
    assert torch.equal(shares, torch.tensor([1.0, 0.0]).expand(200, 2))
    turned, _ = replace(OFF, mirror=True)(images, torch.zeros(200, dtype=torch.int64), 2, stream(0))
    mirrored = (turned == images.flip(3)).flatten(1).all(1)
    assert torch.equal(turned[~mirrored], images[~mirrored])
    assert 70 < int(mirrored.sum()) < 130


@pytest.mark.parametrize("knobs", [{"mixup": -0.1}, {"cutmix": float("nan")}, {"smoothing": 1.0}, {"smoothing": -0.1}])
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="mixup and cutmix of at least 0"):
        Softening(**knobs)


def test_an_interrupted_training_goes_on_from_its_checkpoint(tmp_path):
    path, few = tmp_path / "checkpoint.safetensors", replace(FEW, steps=12)
    with pytest.raises(InterruptedError):
        train(few, checkpoint=path, report=interrupting(10))
    assert path.exists()
    assert equal(state_of(train(few, checkpoint=path)), state_of(train(few)))
