import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.methods.sparse_features import SparseFeatures
from tests.methods.preparations import NETS, PRIVATE, features, preparation


def shared(share):
    return SparseFeatures(share=share).prepare(preparation()).share(PRIVATE.images, PRIVATE.labels)


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_the_strongest_values_are_left_and_no_other(share):
    raw, batch = features(PRIVATE.images), shared(share)
    NETS.spec.check(batch.features)
    assert torch.equal(batch.labels, PRIVATE.labels)
    kept = max(1, round(share * raw[0].numel()))
    for before, after in zip(raw, batch.features, strict=True):
        left = after != 0
        assert int(left.sum()) <= kept
        assert torch.equal(after[left], before[left])
        assert float(before[~left].abs().max()) <= float(after[left].abs().min())  # nothing stronger was dropped


def test_all_of_them_are_the_raw_features_and_the_least_is_one_value():
    assert torch.equal(shared(1.0).features, features(PRIVATE.images))
    assert {int((image != 0).sum()) for image in shared(1e-9).features} == {1}


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(SettingError, match="share must lie in"):
        SparseFeatures(share=share)
    assert isinstance(SparseFeatures(share=0.5), SharingMethod)
