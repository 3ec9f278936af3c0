"""Certificates from the command line: what is written where, and what is refused in one line."""

from pathlib import Path

import pytest

from dpm_flower.apps.ca_command import create, renew, sign, sign_host
from dpm_flower.payload.certificates import entity_of, not_after, spki
from dpm_flower.payload.development_ca import DevelopmentCa
from dpm_flower.payload.identity import Identity

NOTHING = None, None  # no passphrase


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca")
    assert create(folder / "ca", "a CA", 30, *NOTHING) == 0
    Identity.create(folder / "a", "hospital-a", "localhost:8443", now=1_700_000_000)
    Identity.create(folder / "b", "hospital-b", "localhost:8443", now=1_700_000_000)
    return folder


def test_a_request_becomes_a_certificate_beside_it(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign(made / "a" / "tls.csr", made / "a" / "card.json", made / "ca", None, 90, *NOTHING) == 0
    certificate = (made / "a" / "tls.crt").read_bytes()
    assert entity_of(certificate) == "hospital-a"
    assert not_after(certificate) == not_after((made / "ca" / "ca.crt").read_bytes())  # 30 days, not 90
    assert "hospital-a.entity.dpm, localhost, dpm-flower://entity/hospital-a" in capsys.readouterr().out


def test_a_certificate_goes_where_it_is_asked_for_and_is_renewed_in_place(made: Path, tmp_path: Path) -> None:
    output = tmp_path / "b.crt"
    assert sign(made / "b" / "tls.csr", made / "b" / "card.json", made / "ca", output, 5, *NOTHING) == 0
    before = output.read_bytes()
    assert renew(output, made / "ca", None, 10, *NOTHING) == 0
    after = output.read_bytes()
    assert spki(before) == spki(after)
    assert not_after(after) > not_after(before)
    assert renew(output, made / "ca", tmp_path / "c.crt", 10, *NOTHING) == 0
    assert output.read_bytes() == after
    assert entity_of((tmp_path / "c.crt").read_bytes()) == "hospital-b"


def test_a_hosts_key_and_certificate(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign_host(["localhost", "127.0.0.1"], made / "ca", tmp_path / "host", 5, *NOTHING) == 0
    assert {path.name for path in (tmp_path / "host").iterdir()} == {"host.key", "host.crt"}
    assert "localhost, 127.0.0.1" in capsys.readouterr().out


def test_each_refusal_is_one_line_and_writes_nothing(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, card, request = tmp_path / "x.crt", made / "a" / "card.json", made / "a" / "tls.csr"
    DevelopmentCa.create(tmp_path / "other", "another CA", now=1_700_000_000)
    (tmp_path / "bad.json").write_text("{}")
    refused = {
        "not the TLS key|exactly": lambda: sign(made / "b" / "tls.csr", card, made / "ca", output, 5, *NOTHING),
        "an envelope lacks": lambda: sign(request, tmp_path / "bad.json", made / "ca", output, 5, *NOTHING),
        "cannot read": lambda: sign(tmp_path / "none", card, made / "ca", output, 5, *NOTHING),
        "a certificate request in PEM": lambda: sign(card, card, made / "ca", output, 5, *NOTHING),
        "no folder with keys": lambda: sign(request, card, tmp_path / "none", output, 5, *NOTHING),
        "never written over": lambda: create(made / "ca", "a CA", 30, *NOTHING),
        "only certificates that this CA": lambda: renew(tmp_path / "other" / "ca.crt", made / "ca", output, 5, *NOTHING),
        "different host names": lambda: sign_host(["a b"], made / "ca", tmp_path / "host", 5, *NOTHING),
        "days must be": lambda: sign(request, card, made / "ca", output, 0, *NOTHING),
    }
    for said, work in refused.items():
        assert work() == 1
        came = capsys.readouterr()
        assert came.out == ""
        assert any(part in came.err for part in said.split("|")), came.err
        assert came.err.count("\n") == 1
    assert not output.exists()
    assert not (tmp_path / "host").exists()
