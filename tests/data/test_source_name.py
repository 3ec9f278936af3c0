from pathlib import Path

import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.source_name import SourceName, placed_below


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()


@pytest.mark.parametrize(
    ("data", "kind", "path", "options"),
    [
        ("digits", "digits", None, {}),
        ("a.npz", "npz", "a.npz", {}),
        ("deep/b.NPZ?label=Male", "npz", "deep/b.NPZ", {"label": "Male"}),
        ("a.npz?label=5_o_Clock=Shadow", "npz", "a.npz", {"label": "5_o_Clock=Shadow"}),
        ("faces", "folder", "faces", {}),
        ("faces?label=patient", "folder", "faces", {"label": "patient"}),
        ("faces?apart=patient&label=ill", "folder", "faces", {"label": "ill", "apart": "patient"}),
        ("a.npz?attributes=Male,Young&label=ill", "npz", "a.npz", {"label": "ill", "attributes": ("Male", "Young")}),
        ("faces?attributes=sex", "folder", "faces", {"attributes": ("sex",)}),
        ("cifar10:faces?download", "cifar10", "faces", {"download": True}),
        ("celeba:new?label=Young&download", "celeba", "new", {"label": "Young", "download": True}),
        ("imagenet:faces", "imagenet", "faces", {}),
    ],
)
def test_a_name_is_taken_apart(tmp_path, data, kind, path, options):
    assert SourceName.parse(data) == SourceName(kind, tmp_path / path if path else Path(), **options)


def test_public_images_may_be_of_another_source(tmp_path):
    found = SourceName.parse("a.npz?public=cifar10:faces&label=ill")
    assert found == SourceName("npz", tmp_path / "a.npz", label="ill", public=SourceName("cifar10", tmp_path / "faces"))


@pytest.mark.parametrize("data", ["~nobody-of-that-name/x", "imagenet:~nobody-of-that-name", "x" * 300, "\0a", "imagenet:\0a"])
def test_a_path_that_cannot_be_looked_up_is_refused(data):
    with pytest.raises(DataError, match="wanted a path that can be looked up, got '"):
        SourceName.parse(data)


def test_a_folder_that_may_not_be_entered_is_refused(monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refused)
    with pytest.raises(DataError, match=r"got 'ward/faces': .*Permission denied"):
        SourceName.parse("ward/faces")


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
        ("cifar10:x?label=y", "wanted a label or attributes of a source that has columns"),
        ("digits?label=y", "wanted a label or attributes of a source that has columns"),
        ("a.npz?apart=patient", "wanted apart=NAME of a source that may lack a test set"),
        ("faces?apart=a&apart=b", "got 'apart=b'"),
        ("faces?apart", "got 'apart'"),
        ("a.npz?attributes=", "got 'attributes='"),
        ("a.npz?attributes=x,", "got 'attributes=x,'"),
        ("a.npz?attributes=x,y,x", "got 'attributes=x,y,x'"),
        ("a.npz?public=", "got 'public='"),
        ("a.npz?public=b.npz&public=c.npz", "got 'public=c.npz'"),
        ("a.npz?public=nothing", r'wanted "digits", .*got .a.npz\?public=nothing'),
        ("a.npz?attributes=x&attributes=y", "each once, got 'attributes=y'"),
        ("digits?attributes=x", "wanted a label or attributes of a source that has columns"),
        ("a.npz?download", "wanted a download of a source that torchvision can fetch"),
        ("imagenet:x?download", "wanted a download of a source that torchvision can fetch"),
    ],
)
def test_options_that_cannot_be_are_refused(data, message):
    with pytest.raises(DataError, match=message):
        SourceName.parse(data)


@pytest.mark.parametrize(
    ("data", "placed"),
    [
        ("digits", "digits"),
        ("scans", "/site/scans"),
        ("scans?apart=a/b", "/site/scans?apart=a/b"),
        ("../own.npz?label=x", "/site/../own.npz?label=x"),
        ("/own.npz", "/own.npz"),
        ("~/own.npz", "~/own.npz"),
        ("celeba:faces?download", "celeba:/site/faces?download"),
        ("celeba:/faces", "celeba:/faces"),
        ("celeba:", "celeba:"),
        ("a:b.npz", "/site/a:b.npz"),
    ],
)
def test_a_path_in_a_file_starts_from_that_files_folder(data, placed):
    assert placed_below(data, Path("/site")) == placed
