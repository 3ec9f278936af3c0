import os

import pytest
import torch

from dpm_flower.core.errors import OutputError, ShapeError
from dpm_flower.training.row_store import Joined, RowStore


def rows(count, start=0):
    return (torch.arange(start, start + count).reshape(count, 1, 1, 1) + torch.linspace(0, 0.5, 12).reshape(3, 2, 2)).half()


def test_rows_come_back_in_any_order_and_as_often_as_asked(tmp_path):
    with RowStore(tmp_path / "made" / "rows", (3, 2, 2)) as store:
        store.append(rows(5))
        store.append(rows(7, start=5))
        everything = rows(12)
        assert len(store) == 12
        for indices in ([0], [11, 0, 5, 5, 4], list(range(12)), []):
            assert torch.equal(store[torch.tensor(indices, dtype=torch.int64)], everything[torch.tensor(indices, dtype=torch.int64)])


def test_the_file_is_private_and_gone_afterwards(tmp_path):
    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        store.append(rows(2))
        assert (tmp_path / "rows").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), RowStore(tmp_path / "rows", (3, 2, 2)):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [rows(2).float(), rows(2)[:, :2], rows(2).flatten(1)])
def test_other_rows_are_refused(tmp_path, wrong):
    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        with pytest.raises(ShapeError, match=r"wanted rows \(n, 3, 2, 2\) of torch.float16"):
            store.append(wrong)
        assert len(store) == 0


@pytest.mark.parametrize("index", [-1, 2])
def test_a_row_that_is_not_there_is_refused(tmp_path, index):
    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        store.append(rows(2))
        with pytest.raises(IndexError, match=r"wanted rows in \[0, 2\)"):
            store[torch.tensor([0, index])]


def test_a_file_cut_short_is_noticed(tmp_path):
    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        store.append(rows(2))
        os.truncate(tmp_path / "rows", 30)
        with pytest.raises(OutputError, match="ends before its row 1"):
            store[torch.tensor([1])]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write rows"):
        RowStore(tmp_path / "file" / "rows", (1,))


def test_joined_rows_are_those_of_the_parts_one_after_the_other(tmp_path):
    own = rows(4).float() + 0.125
    with RowStore(tmp_path / "1", (3, 2, 2)) as first, RowStore(tmp_path / "2", (3, 2, 2)) as second:
        first.append(rows(3, start=10))
        second.append(rows(6, start=20))
        joined = Joined([own, first, own[:0], second])
        everything = torch.cat([own, rows(3, start=10).float(), rows(6, start=20).float()])
        assert len(joined) == 13
        order = torch.randperm(13, generator=torch.Generator().manual_seed(0))
        assert torch.equal(joined[order], everything[order])
        assert joined[order].dtype == torch.float32
        assert torch.equal(joined[order[:2]], everything[order[:2]])
        with pytest.raises(IndexError):
            joined[order[:0]]
