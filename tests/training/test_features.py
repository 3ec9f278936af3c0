import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest
import torch
from torch import nn

from dpm_flower.core.compute import torch_threads
from dpm_flower.core.errors import OutputError
from dpm_flower.training import known_digests
from dpm_flower.training.features import LEFT_BEHIND_S, FeatureCache
from tests.training.toys import CPU, classifier, pictures, public_nets

IMAGES = pictures(20).images


def featurizer(seed=0):
    return public_nets(seed).featurizer


class Counting(nn.Module):
    """A featurizer that counts the images it saw."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.seen = inner, 0

    def forward(self, images):
        self.seen += len(images)
        return self.inner(images)


def test_what_is_cached_is_what_the_featurizer_computes(tmp_path):
    network = featurizer()
    wanted = network(IMAGES).detach()
    for features in (FeatureCache(network, CPU, tmp_path)(IMAGES), FeatureCache(network, CPU, tmp_path)(IMAGES)):
        assert features.dtype == torch.float32
        torch.testing.assert_close(features, wanted)


def test_features_are_computed_once_even_for_another_cache(tmp_path):
    network = Counting(featurizer())
    first = FeatureCache(network, CPU, tmp_path)(IMAGES)
    seen = network.seen
    assert seen >= len(IMAGES)
    assert torch.equal(FeatureCache(network, CPU, tmp_path)(IMAGES.clone()), first)
    assert network.seen == seen


def test_the_file_holds_the_features_bit_for_bit_and_only_arrays(tmp_path):
    features = FeatureCache(featurizer(), CPU, tmp_path)(IMAGES)
    (file,) = tmp_path.iterdir()
    assert np.array_equal(np.load(file, allow_pickle=False), features.numpy())


@pytest.mark.parametrize(("memory_bytes", "mapped"), [(1 << 30, False), (100, True)])
def test_large_features_stay_on_the_disk(tmp_path, monkeypatch, memory_bytes, mapped):
    modes, load = [], np.load
    monkeypatch.setattr(np, "load", lambda *args, **settings: modes.append(settings["mmap_mode"]) or load(*args, **settings))
    features = FeatureCache(featurizer(), CPU, tmp_path, memory_bytes)(IMAGES)
    assert modes == ["c" if mapped else None]
    torch.testing.assert_close(features, featurizer()(IMAGES))


@pytest.mark.parametrize("memory_bytes", [1 << 30, 100])
def test_nobody_can_change_what_was_computed(tmp_path, memory_bytes):
    cache = FeatureCache(featurizer(), CPU, tmp_path, memory_bytes)
    features = cache(IMAGES)
    before = features.clone()
    features.zero_()
    assert torch.equal(cache(IMAGES), before)


def test_other_weights_images_and_precisions_have_entries_of_their_own(tmp_path):
    first = FeatureCache(featurizer(), CPU, tmp_path)(IMAGES)
    other = FeatureCache(featurizer(1), CPU, tmp_path)(IMAGES)
    half = FeatureCache(featurizer(), replace(CPU, mixed=True), tmp_path)(IMAGES)
    turned = FeatureCache(featurizer(), CPU, tmp_path)(IMAGES.flip(0))
    assert len(list(tmp_path.iterdir())) == 4
    assert not torch.allclose(first, other)
    assert not torch.equal(first, half)
    torch.testing.assert_close(turned.flip(0), first)


def test_statistics_of_a_batch_norm_belong_to_the_weights(tmp_path):
    network = featurizer()
    first = FeatureCache(network, CPU, tmp_path)(IMAGES)
    network[1].running_mean += 1.0
    assert not torch.allclose(FeatureCache(network, CPU, tmp_path)(IMAGES), first)


def test_the_folder_is_the_owner_s_alone(tmp_path):
    (tmp_path / "features").mkdir(mode=0o755)
    FeatureCache(featurizer(), CPU, tmp_path / "features")(IMAGES)
    assert stat.S_IMODE((tmp_path / "features").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(OutputError, match="cannot write"):
            FeatureCache(featurizer(), CPU, folder)(IMAGES)


def test_a_featurizer_that_fails_leaves_nothing_behind(tmp_path):
    class Failing(Counting):
        def forward(self, images):
            super().forward(images)
            if self.seen > 1:  # the first image tells the shape
                raise RuntimeError("broken")
            return self.inner(images)

    with pytest.raises(RuntimeError, match="broken"):
        FeatureCache(Failing(featurizer()), CPU, tmp_path)(IMAGES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: whole[:-9], lambda whole: whole[:-9] + b"?" + whole[-8:]])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    network = Counting(featurizer())
    wanted = FeatureCache(network, CPU, tmp_path)(IMAGES)
    (file,) = tmp_path.iterdir()
    whole, seen = file.read_bytes(), network.seen
    file.write_bytes(damage(whole))
    assert torch.equal(FeatureCache(network, CPU, tmp_path)(IMAGES), wanted)
    assert network.seen == 2 * seen
    assert file.read_bytes() == whole


def test_a_disk_that_never_keeps_what_is_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("dpm_flower.training.features.read_features", lambda *_: None)
    with pytest.raises(OutputError, match="as it was just written"):
        FeatureCache(featurizer(), CPU, tmp_path)(IMAGES)


def test_a_full_disk_is_refused_and_nothing_is_left(tmp_path, monkeypatch):
    def full(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dpm_flower.training.features.write_features", full)
    with pytest.raises(OutputError, match="No space left"):
        FeatureCache(featurizer(), CPU, tmp_path)(IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_features_by_another_number_of_threads_are_kept_apart(tmp_path):
    network = Counting(featurizer())
    cache = FeatureCache(network, CPU, tmp_path)
    first = cache(IMAGES)
    with torch_threads(2):  # the number counts at the call, not where the cache was opened
        torch.testing.assert_close(cache(IMAGES), first)
    assert len(list(tmp_path.iterdir())) == 2
    seen = network.seen
    assert torch.equal(cache(IMAGES), first)
    assert network.seen == seen


def test_images_are_looked_at_once_while_they_stay_the_same(tmp_path, monkeypatch):
    looked, real = [], known_digests._digest
    monkeypatch.setattr(known_digests, "_digest", lambda tensor: looked.append(len(tensor)) or real(tensor))
    images = IMAGES.clone()
    first = FeatureCache(featurizer(), CPU, tmp_path)(images)
    assert torch.equal(FeatureCache(featurizer(), CPU, tmp_path)(images), first)
    assert looked == [20]
    images.mul_(0.5)
    assert not torch.equal(FeatureCache(featurizer(), CPU, tmp_path)(images), first)


def test_what_killed_writers_left_goes_when_the_cache_is_opened(tmp_path):
    old, new, other = (tmp_path / name for name in (f".{'a' * 64}.npy.01.partial", f".{'b' * 64}.npy.02.partial", ".mine.partial"))
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (path.stat().st_mtime - LEFT_BEHIND_S - 60,) * 2)
    FeatureCache(featurizer(), CPU, tmp_path)
    assert {*tmp_path.iterdir()} == {new, other}
    FeatureCache(featurizer(), CPU, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_two_caches_at_once_compute_the_same_file(tmp_path):
    both = Barrier(2)

    class Waiting(Counting):
        def forward(self, images):
            if self.seen == 1:  # both have a file open and nothing in it
                both.wait(timeout=20)
            return super().forward(images)

    networks = [Waiting(featurizer()) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda network: FeatureCache(network, CPU, tmp_path)(IMAGES), networks)
    assert torch.equal(one, other)
    assert all(network.seen == len(IMAGES) + 1 for network in networks)
    assert len(list(tmp_path.iterdir())) == 1


def test_more_images_than_a_batch_are_all_there_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr("dpm_flower.training.features.BATCH", 7)
    features = FeatureCache(featurizer(), CPU, tmp_path)(IMAGES)
    torch.testing.assert_close(features, featurizer()(IMAGES))


def test_a_featurizer_of_any_rank_will_do(tmp_path):
    assert FeatureCache(classifier(), CPU, tmp_path)(IMAGES).shape == (20, 3)
