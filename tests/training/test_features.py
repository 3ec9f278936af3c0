import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest
import torch
from torch import nn

from dpm_flower.core.errors import OutputError
from dpm_flower.training.features import FeatureCache
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
