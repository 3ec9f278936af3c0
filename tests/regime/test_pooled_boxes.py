import pytest
import torch

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.regime.pooled_boxes import PooledBoxes
from dpm_flower.training.detection import BoxedExamples

SPEC = FeatureSpec(backbone="resnet8", hook="conv3_1", shape=(2, 3, 4), featurizer_digest="ab" * 32, non_negative=True)


def boxes(first, *counts):
    """For each image so many boxes and labels, numbered from `first` on."""
    return tuple(torch.full((count, 4), float(first + place)) for place, count in enumerate(counts))


def batch(first, *counts):
    features = torch.arange(len(counts) * 24, dtype=torch.float32).reshape(-1, 2, 3, 4) + first
    return SharedBoxes(features, boxes(first, *counts), tuple(torch.full((count,), first) for count in counts))


def own():
    return BoxedExamples(batch(100, 1, 0).features, boxes(100, 1, 0), (torch.tensor([1]), torch.zeros(0, dtype=torch.int64)))


def test_own_features_come_first_and_each_has_its_boxes(tmp_path):
    with PooledBoxes(own(), SPEC, tmp_path / "pooled") as pooled:
        pooled.take([batch(1, 2, 1), batch(5, 3)])
        found = pooled.examples
        wanted = torch.cat([batch(100, 1, 0).features, batch(1, 2, 1).features, batch(5, 3).features])
        assert torch.equal(found.inputs[torch.arange(5)], wanted)
        assert [len(one) for one in found.boxes] == [len(one) for one in found.labels] == [1, 0, 2, 1, 3]
        assert [float(one[0, 0]) for one in (found.boxes[2], found.boxes[3], found.boxes[4])] == [1, 2, 5]
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_pooled_whole_or_not_at_all(tmp_path):
    def breaking():
        yield batch(1, 2)
        raise ReleaseError("bad shard")

    with PooledBoxes(own(), SPEC, tmp_path / "pooled") as pooled:
        with pytest.raises(ReleaseError):
            pooled.take(breaking())
        pooled.take([batch(7, 1)])
        found = pooled.examples
        assert (len(found.inputs), [len(one) for one in found.boxes]) == (3, [1, 0, 1])
        assert torch.equal(found.inputs[torch.tensor([2])], batch(7, 1).features)
