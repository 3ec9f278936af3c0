import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.column_table import folder_columns


def columns(root, text, name="columns.csv", train=("a/1.png", "b/2.png"), test=("a/3.png",)):
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder_columns(root, [str(root / path) for path in train], [str(root / path) for path in test])


TABLE = 'patient,file_name,place\np2,b/2.png,"x, y"\np1,a/1.png,\n\np3,a/3.png,z\np4,elsewhere.png,z\n'


@pytest.mark.parametrize("name", ["columns.csv", "metadata.csv"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_rows_find_their_images_in_any_order(tmp_path, name, start):
    found = columns(tmp_path, start + TABLE, name)
    assert set(found) == {"patient", "place"}
    assert (found["patient"].train, found["patient"].test) == (("p1", "p2"), ("p3",))
    assert (found["place"].train, found["place"].test) == (("", "x, y"), ("z",))


def test_without_a_table_there_are_no_columns(tmp_path):
    assert folder_columns(tmp_path, [], []) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one of them file_name, got \\[\\]"),
        ("name,patient\n1,2", "one of them file_name"),
        ("file_name,patient,patient\n", "different names"),
        ("file_name,\n", "different names"),
        (TABLE + "p5,b/9.png", r"wanted 3 cells in each line, got \['p5', 'b/9.png'\]"),
        (TABLE + "p5,a/1.png,z", "got a/1.png twice"),
        (TABLE.replace("a/3.png", "a/33.png"), "got none for a/3.png"),
        (b"file_name,patient\n\xff\xfe,1", "wanted a table in UTF-8 with commas, got UnicodeDecodeError"),
        ('file_name,patient\n"a/1.png,1', "wanted a table in UTF-8 with commas, got Error"),
    ],
)
def test_other_tables_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as refusal:
        columns(tmp_path, text)
    assert str(tmp_path / "columns.csv") in str(refusal.value)


def test_two_tables_are_refused(tmp_path):
    columns(tmp_path, TABLE, "metadata.csv")
    with pytest.raises(DataError, match=r"wanted one table of columns, got columns\.csv and metadata\.csv"):
        columns(tmp_path, TABLE)
