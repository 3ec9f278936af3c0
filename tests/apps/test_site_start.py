"""What would keep a site from working is said before any of its processes starts; a locked identity's key reaches the SuperNode only."""

import base64
import hashlib
import json
import sys
import time
from pathlib import Path

import pytest

from dpm_flower.apps import site_start
from dpm_flower.apps.deployment import Deployment, site_text
from dpm_flower.apps.site_start import Part, exchange_command, running, start
from dpm_flower.core.errors import OutputError, SettingError
from dpm_flower.data.image_cache import FOLDER as IMAGE_CACHE
from dpm_flower.payload.identity import Identity
from dpm_flower.payload.passphrase import CREDENTIALS
from dpm_flower.payload.passphrase_lock import PassphraseLock
from dpm_flower.regime.site_file import read_site_file
from tests.payload.identities import quick_lock

PASSPHRASE = b"correct horse battery"
# takes the SuperNode's place: what it read as its key leaves a digest only
READER = "import hashlib, sys, time; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest(), flush=True); time.sleep(300)"
SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]


def _site(folder: Path, lock: PassphraseLock | None, credential: str = "keys", name: str = "a") -> tuple[Path, Identity]:
    """A site file with `credential` and an identity under `lock`, below `folder`."""
    deployment = Deployment.of(folder, "tests.small_deployment:STUDY")
    site = deployment.consortium.site("a")
    made = Identity.create(site.identity, name, "localhost:8443", now=int(time.time()), lock=lock)
    text = site_text(deployment, "a", "0" * 64)
    path = site.folder / "site.toml"
    path.write_text(text.replace("[identity]", f'[identity]\npassphrase_credential = "{credential}"') if credential else text)
    return path, made


@pytest.fixture(autouse=True)
def _credential(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "keys").write_bytes(PASSPHRASE + b"\n")
    (folder / "others").write_bytes(b"battery staple horse")
    monkeypatch.setenv(CREDENTIALS, str(folder))


@pytest.fixture
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_start, "supernode_command", lambda site, path, secret, key: [sys.executable, "-c", READER, key])
    monkeypatch.setattr(site_start, "exchange_command", lambda site: SLEEPER)
    monkeypatch.setattr(site_start, "launcher_command", lambda site, path, secret: SLEEPER)


def _first_line(part: Part) -> str:
    """What a process says first, as soon as it says it."""
    give_up = time.monotonic() + 60
    while "\n" not in (said := part.log.read_text()):
        assert time.monotonic() < give_up, f"{part.name} says nothing: {said}"
        time.sleep(0.02)
    return said.splitlines()[0]


@pytest.mark.usefixtures("_stand_ins")
@pytest.mark.parametrize("locked", [True, False])
def test_the_supernode_gets_the_exact_key_and_a_locked_one_lies_nowhere(
    locked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = _site(tmp_path, quick_lock(PASSPHRASE) if locked else None, "keys" if locked else "")
    key = made.node_key_openssh()  # each time with other check bytes, so that this one stands for it
    monkeypatch.setattr(Identity, "node_key_openssh", lambda found: key if found.node.public_key() == made.node.public_key() else b"")
    with running(path) as parts:
        supernode = next(part for part in parts if part.name == "supernode")
        assert _first_line(supernode) == hashlib.sha256(key).hexdigest()
        number = made.node.private_numbers().private_value.to_bytes(48, "big")
        assert number in base64.b64decode(b"".join(key.splitlines()[1:-1]))
        pieces = (b"PRIVATE KEY", key.splitlines()[4], number)
        holding = [file for file in tmp_path.rglob("*") if file.is_file() and any(piece in file.read_bytes() for piece in pieces)]
        assert bool(holding) is not locked  # unlocked, the keys' own files hold them: the search finds what is there


@pytest.mark.usefixtures("_stand_ins")
@pytest.mark.parametrize(
    ("credential", "error", "told"),
    [("others", SettingError, "wrong passphrase"), ("none", SettingError, "cannot read the credential"), ("", SettingError, "got none")],
)
def test_a_passphrase_that_does_not_open_the_keys_is_said_before_anything_starts(
    credential: str, error: type[Exception], told: str, tmp_path: Path
) -> None:
    path, _ = _site(tmp_path, quick_lock(PASSPHRASE), credential)
    with pytest.raises(error, match=told), running(path):
        pass
    assert not list(tmp_path.rglob("*.log"))


def test_keys_of_somebody_else_and_none_are_said_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = _site(tmp_path, None, "", name="b")
    with pytest.raises(SettingError, match="wanted the identity of a, got that of b"), running(path):
        pass
    (path.parent / "identity" / "node.key").unlink()
    with pytest.raises(OutputError, match="missing"), running(path):
        pass
    assert start(path) != 0
    assert "missing" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.log"))


def test_the_exchange_is_told_where_the_passphrase_is(tmp_path: Path) -> None:
    locked, open_to_its_owner = (_site(tmp_path / name, None, credential)[0] for name, credential in (("x", "keys"), ("y", "")))
    assert exchange_command(read_site_file(locked))[-2:] == ["--passphrase-credential", "keys"]
    assert "--passphrase-credential" not in exchange_command(read_site_file(open_to_its_owner))


def test_a_site_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(tmp_path / "site.toml") != 0
    assert "cannot read the site file" in capsys.readouterr().err
    with pytest.raises(SettingError, match="cannot read the site file"), running(tmp_path / "site.toml"):
        pass


SECRETS = {"AWS_SECRET_ACCESS_KEY": "s3", "HOSPITAL_TOKEN": "t", "FLWR_MODEL_API_KEY": "f", "GOOGLE_APPLICATION_CREDENTIALS": "/g"}
NEEDED = {"LC_TIME": "C", "SSL_CERT_FILE": "/ca.pem", "https_proxy": "http://proxy:1", "GRPC_VERBOSITY": "ERROR", "FLWR_HOME": "/flower"}


def test_the_supernode_sees_no_variable_but_those_that_it_needs_and_our_own_parts_see_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (SECRETS | NEEDED).items():
        monkeypatch.setenv(name, value)
    telling = [sys.executable, "-c", "import json, os, time; print(json.dumps(dict(os.environ)), flush=True); time.sleep(300)"]
    for part in ("supernode_command", "exchange_command", "launcher_command"):
        monkeypatch.setattr(site_start, part, lambda *_: telling)
    with running(_site(tmp_path, None, credential="")[0]) as parts:
        seen = {part.name: json.loads(_first_line(part)) for part in parts}
    assert seen["supernode"].items() >= NEEDED.items()
    assert {"PATH", "PYTHONUNBUFFERED", "FLWR_TELEMETRY_ENABLED", "TMPDIR"} <= seen["supernode"].keys()
    assert not seen["supernode"].keys() & (SECRETS.keys() | {CREDENTIALS})
    assert all(seen[part].items() >= (SECRETS | NEEDED).items() for part in ("exchange", "launcher"))


def test_decoded_images_stay_in_the_sites_folder_unless_it_says_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = _site(tmp_path / "run", None, credential="")
    site = read_site_file(path)
    monkeypatch.delenv(IMAGE_CACHE)
    assert site_start.environment(site)[IMAGE_CACHE] == str(site.folder / "images")
    monkeypatch.setenv(IMAGE_CACHE, "off")
    assert site_start.environment(site)[IMAGE_CACHE] == "off"
