import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.dataset import Column
from dpm_flower.data.undecoded import Part, Undecoded

X = np.arange(6 * 3 * 11 * 11, dtype=np.uint32).astype(np.uint8).reshape(6, 3, 11, 11)


@pytest.fixture
def undecoded():
    labels = torch.tensor([0, 1, 1, 0])
    columns = {"who": Column(tuple("baab"), tuple("cb"))}
    return Undecoded(
        "x", 11, Part(labels, lambda: iter((X[:3], X[3:4]))), Part(labels[:2], lambda: iter((X[4:],))), ("n", "m"), (), columns
    )


def test_pieces_come_together_in_their_order_again_and_again(undecoded):
    for _ in range(2):
        data = undecoded.decoded()
        assert torch.equal(torch.cat((data.train.images, data.test.images)), torch.from_numpy(X))
    assert data.train.labels.tolist() == [0, 1, 1, 0]
    assert (data.name, data.side, data.class_names, data.columns) == ("x", 11, ("n", "m"), undecoded.columns)


def test_a_column_becomes_the_label(undecoded):
    data = undecoded.labelled_by("who").decoded()
    assert data.class_names == ("a", "b", "c")
    assert data.train.labels.tolist() == [1, 0, 0, 1]
    assert data.test.labels.tolist() == [2, 1]


def test_an_unknown_column_is_told_the_known_ones(undecoded):
    with pytest.raises(DataError, match="x: wanted a column 'whom' as label, got the columns who"):
        undecoded.labelled_by("whom")
