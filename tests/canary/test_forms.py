"""Whatever a marker is wrapped in, layer upon layer, it comes out again; a marker that nobody planted does not."""

import base64
import gzip
import io
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard
from PIL import Image
from safetensors.torch import save

from tests.canary.containers import CONTAINERS
from tests.canary.text_forms import TEXT_FORMS
from tests.canary.unpacking import DEEPEST, Content, Unpacking, Values, files_below

SECRET = np.random.default_rng(1).bytes(48)
OTHER = np.random.default_rng(2).bytes(48)
NOISE = np.random.default_rng(3).bytes(5000)


def _comes_out(wrapped: bytes, wanted: bytes = SECRET) -> bool:
    unpacked = list(Unpacking((*CONTAINERS, *TEXT_FORMS))([Content("here", wrapped)]))
    return any(isinstance(one, Content) and wanted in one.data for one in unpacked)


def _npz(data: bytes) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x=np.frombuffer(data, np.uint8))
    return file.getvalue()


def _zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/file", data)
    return file.getvalue()


def _png(data: bytes) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.frombuffer(data, np.uint8).reshape(4, 4, 3)).save(file, "png")
    return file.getvalue()


def _database(tmp: Path, values: list[bytes | str], *, deleted: bool, wal: bool = False) -> bytes:
    path = tmp / "a.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.execute("PRAGMA secure_delete = OFF")
        if wal:
            opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("CREATE TABLE things (number INTEGER PRIMARY KEY, what)")
        opened.executemany("INSERT INTO things (what) VALUES (?)", [(value,) for value in values])
        if deleted:
            opened.execute("DELETE FROM things")
    return path.read_bytes()


def _pem(data: bytes) -> bytes:
    lines = base64.encodebytes(data * 3)  # more than one line
    return b"-----BEGIN PRIVATE KEY-----\n" + lines + b"-----END PRIVATE KEY-----\n"


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: NOISE + data + NOISE,
    "gzip": gzip.compress,
    "gzip in the middle": lambda data: NOISE + gzip.compress(data) + NOISE,
    "zlib": zlib.compress,
    "zstandard": zstandard.compress,
    "zstandard in the middle": lambda data: NOISE + zstandard.compress(data + bytes(100)) + NOISE,
    "npz": _npz,
    "zip": _zip,
    "png": _png,
    "png in the middle": lambda data: NOISE + _png(data) + NOISE,
    "safetensors": lambda data: save({"a": torch.frombuffer(bytearray(data), dtype=torch.uint8)}),
    "safetensors' metadata": lambda data: save({"a": torch.zeros(3)}, {"note": data.hex()}),
    "base64": base64.b64encode,
    "base64 behind a word": lambda data: b"INFO : key=" + base64.b64encode(data) + b" is used",
    "base64 right behind letters": lambda data: b"the key" + base64.b64encode(data),
    "base64 for URLs": base64.urlsafe_b64encode,
    "base64 without padding": lambda data: base64.b64encode(data[:47] + data[47:]).rstrip(b"="),
    "base64 within something longer": lambda data: base64.b64encode(b"x" + data + b"yz"),
    "base64 among bytes": lambda data: NOISE + b"\0" + base64.b64encode(data) + b"\0" + NOISE,
    "a data: URI": lambda data: b'<img alt="" src="data:image/png;base64,' + base64.b64encode(_png(data)) + b'">',
    "percent escapes": lambda data: b"data:text/plain," + "".join(f"%{byte:02X}" for byte in data).encode(),
    "PEM": _pem,
    "PEM in a log as Python prints it": lambda data: f"INFO : using {_pem(data)!r}".encode(),
    "PEM in JSON": lambda data: json.dumps({"a": [{"b": _pem(data).decode()}]}).encode(),
    "hexadecimal": lambda data: data.hex().encode(),
    "hexadecimal in capitals": lambda data: b"key " + data.hex().upper().encode() + b";",
    "hexadecimal with colons": lambda data: data.hex(":").encode(),
    "hexadecimal behind one digit": lambda data: b"key is a" + data.hex().encode(),
    "a literal": lambda data: f"INFO : key {data!r}".encode(),
    "numbers": lambda data: str(list(data)).encode(),
    "numbers in JSON": lambda data: json.dumps({"a": list(data)}).encode(),
    "a line of JSON": lambda data: b'{"a": 1}\n' + json.dumps({"a": data.hex()}).encode() + b"\n",
    "JSON in JSON": lambda data: json.dumps({"a": json.dumps({"b": base64.b64encode(data).decode()})}).encode(),
    "zstandard in base64 in gzip": lambda data: gzip.compress(b"x: " + base64.b64encode(zstandard.compress(data))),
    "png in svg in base64 in a page": lambda data: (
        b"<img src='data:image/svg+xml;base64,"
        + base64.b64encode(b'<svg><image href="data:image/png;base64,\n' + base64.encodebytes(_png(data)) + b'"/></svg>')
        + b"'>"
    ),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_is_wrapped_comes_out_and_nothing_else(wrapping: str) -> None:
    wrapped = WRAPPINGS[wrapping](SECRET)
    assert _comes_out(wrapped)
    assert not _comes_out(wrapped, OTHER)


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
def test_rows_of_a_database_come_out_deleted_ones_too(tmp_path: Path, deleted: bool, wal: bool) -> None:
    packed = SECRET if deleted else NOISE + gzip.compress(SECRET)  # of what was deleted the pages are left, and no row
    for number, values in enumerate(([SECRET.hex()], [packed], [_pem(SECRET).decode()])):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert _comes_out(_database(folder, [*values, "another"], deleted=deleted, wal=wal))


def test_a_large_deleted_row_comes_out_of_free_pages(tmp_path: Path) -> None:
    pages = _database(tmp_path, [NOISE * 3 + SECRET + NOISE], deleted=True)
    assert _comes_out(pages)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.bool])
def test_tensors_come_out_with_their_values(dtype: torch.dtype) -> None:
    wanted = torch.arange(24).reshape(2, 3, 4).to(dtype)
    found = list(Unpacking(CONTAINERS)([Content("here", save({"a": wanted}))]))
    [values] = [one for one in found if isinstance(one, Values)]
    assert values.where == "here > safetensors a"
    assert np.array_equal(values.values, wanted.double().numpy())


def test_numbers_that_somebody_printed_come_out() -> None:
    tensor = torch.linspace(-3, 3, 40).reshape(4, 10)
    for text in (str(tensor), str(tensor.tolist()), "\n".join(",".join(map(str, row)) for row in tensor.tolist())):
        found = [one.values for one in Unpacking(TEXT_FORMS)([Content("log", text.encode())]) if isinstance(one, Values)]
        assert any(len(one) == 40 and np.allclose(one, tensor.flatten().numpy(), atol=1e-4) for one in found), text


def test_the_same_thing_comes_out_once_and_layers_end() -> None:
    unpacking = Unpacking(CONTAINERS)
    assert len(list(unpacking([Content("a", SECRET), Content("b", SECRET)]))) == 1
    deep = SECRET
    for _ in range(20):
        deep = gzip.compress(deep)
    assert max(one.where.count(" > ") for one in unpacking([Content("a", deep)])) == DEEPEST


MAGICS = [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x93NUMPY\x01\0", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"SQLite format 3\0", b"\x78"]


@pytest.mark.parametrize("magic", MAGICS)
def test_what_only_looks_like_a_container_is_passed_over(magic: bytes) -> None:
    assert _comes_out(magic + NOISE + SECRET)
    assert _comes_out((2).to_bytes(8, "little") + b"{}" + magic + SECRET)


def test_files_and_their_names_are_read_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "name.txt").write_bytes(SECRET)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "link").symlink_to(tmp_path / "a")
    found = {content.where: content.data for content in files_below(tmp_path / "a", tmp_path / "c")}
    assert found["a/b/name.txt"] == SECRET
    assert found["a/b/name.txt (its name)"] == b"name.txt"
    assert not any(where.startswith("c/link/") for where in found)
