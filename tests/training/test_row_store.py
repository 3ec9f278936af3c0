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


def descriptor(store):
    return store._file.fileno()


def test_the_file_has_no_name_and_is_gone_afterwards(tmp_path):
    tmp_path.chmod(0o755)
    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        store.append(rows(2))
        found, here = os.fstat(descriptor(store)), tmp_path.stat()
        assert found.st_nlink == 0  # whoever kills this process leaves nothing
        assert found.st_size == 48
        assert (found.st_dev, found.st_mode & 0o777, here.st_mode & 0o777) == (here.st_dev, 0o600, 0o700)
        assert list(tmp_path.iterdir()) == []
        number = descriptor(store)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    store = RowStore(tmp_path / "rows", (3, 2, 2))
    number = descriptor(store)
    with pytest.raises(ZeroDivisionError), store:
        raise ZeroDivisionError
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_two_of_one_path_never_meet(tmp_path):
    (tmp_path / "rows").write_text("mine")
    with RowStore(tmp_path / "rows", (3, 2, 2)) as one, RowStore(tmp_path / "rows", (3, 2, 2)) as other:
        one.append(rows(4))
        other.append(rows(2, start=9))
        everything = torch.arange(4)
        assert torch.equal(one[everything], rows(4))
        assert torch.equal(other[everything[:2]], rows(2, start=9))
    assert (tmp_path / "rows").read_text() == "mine"


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_rows_that_are_forgotten_make_room_for_others(tmp_path, kept):
    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        store.append(rows(3))
        store.keep_first(kept)
        assert len(store) == kept
        assert os.fstat(descriptor(store)).st_size == kept * 24
        with pytest.raises(IndexError):
            store[torch.tensor([kept])]
        store.append(rows(2, start=50))
        assert torch.equal(store[torch.arange(kept + 2)], torch.cat((rows(kept), rows(2, start=50))))
        with pytest.raises(IndexError, match=f"wanted to keep 0 to {kept + 2} rows, got {kept + 3}"):
            store.keep_first(kept + 3)


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
        os.ftruncate(descriptor(store), 30)
        with pytest.raises(OutputError, match="ends before its row 1"):
            store[torch.tensor([1])]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
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


def test_a_disk_that_is_full_is_refused(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with RowStore(tmp_path / "rows", (3, 2, 2)) as store:
        store.append(rows(2))
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OutputError, match=r"cannot write rows to .*No space left"):
            store.append(rows(1))
        assert len(store) == 2
