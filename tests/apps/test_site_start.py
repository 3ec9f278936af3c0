"""What would keep a site from working is said before any of its processes starts."""

from pathlib import Path

import pytest

from dpm_flower.apps.deploy_demo import Deployment, site_text
from dpm_flower.apps.site_start import running, start
from dpm_flower.core.errors import SettingError


def test_an_identity_with_a_passphrase_is_refused_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = site_text(Deployment.of(tmp_path, "tests.small_deployment:STUDY"), "a", "0" * 64)
    path = tmp_path / "site.toml"
    path.write_text(text.replace("[identity]", '[identity]\npassphrase_credential = "keys"'))
    assert start(path) != 0
    assert "without a passphrase" in capsys.readouterr().err
    assert not (tmp_path / "sites").exists()


def test_a_site_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(tmp_path / "site.toml") != 0
    assert "cannot read the site file" in capsys.readouterr().err
    with pytest.raises(SettingError, match="cannot read the site file"), running(tmp_path / "site.toml"):
        pass
