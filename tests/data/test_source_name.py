from pathlib import Path

import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.source_name import SourceName


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()


@pytest.mark.parametrize(
    ("data", "kind", "path", "label", "download"),
    [
        ("digits", "digits", None, "", False),
        ("a.npz", "npz", "a.npz", "", False),
        ("deep/b.NPZ?label=Male", "npz", "deep/b.NPZ", "Male", False),
        ("a.npz?label=5_o_Clock=Shadow", "npz", "a.npz", "5_o_Clock=Shadow", False),
        ("faces", "folder", "faces", "", False),
        ("faces?label=patient", "folder", "faces", "patient", False),
        ("cifar10:faces?download", "cifar10", "faces", "", True),
        ("celeba:new?label=Young&download", "celeba", "new", "Young", True),
        ("imagenet:faces", "imagenet", "faces", "", False),
    ],
)
def test_a_name_is_taken_apart(tmp_path, data, kind, path, label, download):
    assert SourceName.parse(data) == SourceName(kind, tmp_path / path if path else Path(), label, download)


def test_a_path_that_is_there_is_taken_as_it_stands(tmp_path):
    (tmp_path / "what?label=x").mkdir()
    assert SourceName.parse("what?label=x") == SourceName("folder", tmp_path / "what?label=x")


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SourceName.parse("~/faces").path == SourceName.parse("imagenet:~/faces").path == tmp_path / "faces"


@pytest.mark.parametrize("data", ["", "digit", "no/such/folder", "mnist:/tmp", "?label=x"])
def test_the_unknown_is_told_what_is_known(data):
    with pytest.raises(
        DataError, match=r'wanted "digits", .*npz.*folder.*cifar10, cifar100, fashion-mnist, celeba, imagenet.*\?label=NAME'
    ):
        SourceName.parse(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("cifar10:", 'wanted "cifar10:FOLDER"'),
        ("celeba:?download", 'wanted "celeba:FOLDER"'),
        ("a.npz?lable=x", "got 'lable=x' in 'a.npz[?]lable=x'"),
        ("a.npz?label=", "got 'label='"),
        ("a.npz?label=x&label=y", "got 'label=y'"),
        ("cifar10:x?download&download", "each once, got 'download'"),
        ("cifar10:x?download=1", "got 'download=1'"),
        ("cifar10:x?label=y", "wanted a label of a source that has columns"),
        ("digits?label=y", "wanted a label of a source that has columns"),
        ("a.npz?download", "wanted a download of a source that torchvision can fetch"),
        ("imagenet:x?download", "wanted a download of a source that torchvision can fetch"),
    ],
)
def test_options_that_cannot_be_are_refused(data, message):
    with pytest.raises(DataError, match=message):
        SourceName.parse(data)
