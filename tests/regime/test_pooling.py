from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.regime.pooling import PooledFeatures, PooledImages
from dpm_flower.training.prediction import apply
from tests.regime.examples import NETS, task
from tests.training.toys import CPU, pictures

PEER = pictures(17, seed=50)
FEATURES = SharedFeatures(apply(NETS.featurizer, PEER.images, CPU).half().float(), PEER.labels)
IMAGES = SharedImages(PEER.images, PEER.labels)


def in_two(batch):
    """A batch of 17 -> the same as two, as from two shards."""
    name = "features" if isinstance(batch, SharedFeatures) else "images"
    return [replace(batch, **{name: getattr(batch, name)[part], "labels": batch.labels[part]}) for part in (slice(9), slice(9, 17))]


def test_features_are_the_own_ones_and_then_what_was_taken(tmp_path):
    one = task(tmp_path)
    with PooledFeatures(one, NETS, "arm") as pooled:
        pooled.take(in_two(FEATURES))
        pooled.take([SharedFeatures(FEATURES.features.flip(0), PEER.labels.flip(0))])
        inputs, labels = pooled.examples.inputs, pooled.examples.labels
        everything = torch.cat([apply(NETS.featurizer, one.train.images, CPU), FEATURES.features, FEATURES.features.flip(0)])
        assert len(inputs) == len(labels) == len(everything)
        assert torch.equal(inputs[torch.arange(len(everything))], everything)
        assert torch.equal(labels, torch.cat([one.train.labels, PEER.labels, PEER.labels.flip(0)]))


def test_nothing_that_is_pooled_has_a_name_on_the_disk(tmp_path):
    one = task(tmp_path)
    with PooledFeatures(one, NETS, "arm") as pooled:
        pooled.take([FEATURES])
        folder = one.site.pooled("c-0", "arm").parent
        assert folder.is_dir()
        assert list(folder.iterdir()) == []


class Broken(Exception):
    pass


@pytest.mark.parametrize("wrong", [Broken(), ReleaseError("bad shard"), KeyboardInterrupt()])
def test_a_release_is_pooled_whole_or_not_at_all(tmp_path, wrong):
    def broken(batch):
        yield from in_two(batch)
        raise wrong

    one = task(tmp_path)
    other = SharedFeatures(FEATURES.features.flip(0), PEER.labels.flip(0))
    with PooledFeatures(one, NETS, "arm") as pooled, PooledFeatures(one, NETS, "arm") as expected:
        pooled.take([other])
        with pytest.raises(type(wrong)):
            pooled.take(broken(FEATURES))
        pooled.take(in_two(FEATURES))
        for batch in (other, FEATURES):
            expected.take([batch])
        ours, theirs = pooled.examples, expected.examples
        everything = torch.arange(len(one.train) + 34)
        assert len(ours.inputs) == len(theirs.inputs) == len(everything)
        assert torch.equal(ours.inputs[everything], theirs.inputs[everything])
        assert torch.equal(ours.labels, theirs.labels)
    images = PooledImages(one)
    images.take([IMAGES])
    with pytest.raises(type(wrong)):
        images.take(broken(IMAGES))
    assert len(images.examples.inputs) == len(images.examples.labels) == len(one.train) + 17


def test_images_are_the_own_ones_and_then_what_was_taken(tmp_path):
    one = task(tmp_path)
    pooled = PooledImages(one)
    pooled.take([IMAGES])
    assert torch.equal(pooled.examples.inputs[torch.arange(len(one.train) + 17)], torch.cat([one.train.images, PEER.images]))
    assert torch.equal(pooled.examples.labels, torch.cat([one.train.labels, PEER.labels]))


@pytest.mark.parametrize("batch", [IMAGES, ModelUpdate({}, 1)])
def test_a_decider_is_refined_on_features_only(tmp_path, batch):
    with PooledFeatures(task(tmp_path), NETS, "arm") as pooled, pytest.raises(ReleaseError, match=f"features, got {type(batch).__name__}"):
        pooled.take([batch])


@pytest.mark.parametrize("batch", [FEATURES, ModelUpdate({}, 1)])
def test_a_network_is_trained_on_images_only(tmp_path, batch):
    with pytest.raises(ReleaseError, match=f"trained on images, got {type(batch).__name__}"):
        PooledImages(task(tmp_path)).take([batch])
