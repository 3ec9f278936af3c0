"""A table beside a folder of images: what each image belongs to."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from dpm_flower.core.errors import DataError
from dpm_flower.data.dataset import Column

NAMES = ("columns.csv", "metadata.csv")  # the second as Hugging Face's imagefolder calls it
KEY = "file_name"


def folder_columns(root: Path, train: Sequence[str], test: Sequence[str]) -> Mapping[str, Column]:
    """A folder, the paths of its training and of its test images -> the columns of its columns.csv or metadata.csv; without one, none.

    The first line names the columns, one of them `file_name`: the image's path from the folder, with "/" between. Rows of other
    files are passed over. Raises DataError, naming the file, for two tables, one that cannot be read, lines that do not fit the
    first one, a file named twice, and an image without a row.
    """
    found = [root / name for name in NAMES if (root / name).is_file()]
    if len(found) > 1:
        raise DataError(f"{root}: wanted one table of columns, got {' and '.join(NAMES)}")
    if not found:
        return {}
    names, row_of = _read(found[0])
    rows = {
        part: [_row(found[0], row_of, Path(path).relative_to(root).as_posix()) for path in paths]
        for part, paths in (("train", train), ("test", test))
    }
    return {
        name: Column(*(tuple(row[place] for row in rows[part]) for part in ("train", "test")))
        for place, name in enumerate(names)
        if name != KEY
    }


def _read(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The names of the columns, and each file's row."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a byte order mark
            lines = [line for line in csv.reader(file, strict=True) if line]
    except (OSError, csv.Error, UnicodeDecodeError) as err:
        raise DataError(f"{path}: wanted a table in UTF-8 with commas, got {type(err).__name__}: {err}") from err
    names = lines[0] if lines else []
    if KEY not in names or "" in names or len(set(names)) != len(names):
        raise DataError(f"{path}: wanted different names of columns in the first line, one of them {KEY}, got {names}")
    row_of: dict[str, list[str]] = {}
    for line in lines[1:]:
        if len(line) != len(names):
            raise DataError(f"{path}: wanted {len(names)} cells in each line, got {line}")
        if (file_name := line[names.index(KEY)]) in row_of:
            raise DataError(f"{path}: wanted one line for each file, got {file_name} twice")
        row_of[file_name] = line
    return names, row_of


def _row(path: Path, row_of: Mapping[str, list[str]], file_name: str) -> list[str]:
    if file_name not in row_of:
        raise DataError(f"{path}: wanted a line for every image, got none for {file_name}")
    return row_of[file_name]
