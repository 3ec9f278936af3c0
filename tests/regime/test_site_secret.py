import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.regime.site_secret import site_secret


def test_a_secret_is_drawn_once_and_kept(tmp_path):
    path = tmp_path / "site" / "secret"
    secret = site_secret(path)
    assert len(bytes.fromhex(secret)) == 32
    assert site_secret(path) == secret
    assert site_secret(tmp_path / "other") != secret


def test_its_owner_alone_reads_it_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "site" / "secret"
    site_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secret"]


def test_all_who_ask_at_once_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: site_secret(tmp_path / "secret"), range(32)))) == 1


@pytest.mark.parametrize("text", [b"", b"5e" * 16, b"5e" * 31 + b"xy", b"5e" * 32 + b"\n", b"\xff" * 64])
def test_what_is_no_secret_is_refused_and_stays(text, tmp_path):
    (tmp_path / "secret").write_bytes(text)
    with pytest.raises(OutputError, match=str(tmp_path / "secret")):
        site_secret(tmp_path / "secret")
    assert (tmp_path / "secret").read_bytes() == text


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot keep this site's secret"):
        site_secret(tmp_path / "file" / "secret")
