import numpy as np
import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.npz_archive import opened_archive

X = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.fixture
def path(tmp_path):
    things, fields = np.array([{}, 1], dtype=object), np.zeros(2, dtype=[("a", "i4")])
    np.savez_compressed(tmp_path / "a.npz", x=X, things=things, fields=fields, nothing=np.array(5))
    return tmp_path / "a.npz"


def test_shapes_are_told_without_reading_and_arrays_come_back(path):
    with opened_archive(path) as archive:
        assert set(archive.names) == {"x", "things", "fields", "nothing"}
        assert [archive.shape(name) for name in ("x", "nothing", "things", "fields", "gone")] == [(3, 4), (), None, None, None]
        assert np.array_equal(archive.read("x"), X)


def test_objects_are_never_unpickled(path):
    with pytest.raises(DataError, match=r"a\.npz: wanted a complete .npz archive without pickled members"), opened_archive(path) as archive:
        archive.read("things")


def test_other_errors_inside_the_block_stay_what_they_are(path):
    with pytest.raises(ZeroDivisionError), opened_archive(path):
        raise ZeroDivisionError
