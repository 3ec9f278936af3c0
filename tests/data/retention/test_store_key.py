import os
import stat

import pytest

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention.store_key import check_value, make_key, read_key


def test_a_key_is_made_once_and_its_owner_alone_reads_it(tmp_path):
    key = make_key(tmp_path / "key")
    assert len(key) == 32
    assert make_key(tmp_path / "key") == read_key(tmp_path / "key") == key
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert make_key(tmp_path / "other") != key
    assert check_value(key) != check_value(read_key(tmp_path / "other"))


def test_what_is_no_key_is_refused(tmp_path):
    make_key(tmp_path / "key")
    (tmp_path / "link").symlink_to("key")
    os.link(tmp_path / "key", tmp_path / "second")
    (tmp_path / "short").write_text("ab")
    for name in ("none", "link", "second", "short"):
        with pytest.raises(RetentionError):
            read_key(tmp_path / name)
    with pytest.raises((RetentionError, OutputError)):
        make_key(tmp_path / "short" / "key")
    with pytest.raises(RetentionError, match="got 31"):
        check_value(bytes(31))
