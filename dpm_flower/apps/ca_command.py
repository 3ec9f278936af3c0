"""`dpm-flower ca`: certificates for development and trials, from an authority of one's own."""

import time
from pathlib import Path

from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.errors import SettingError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.payload.card import read_card
from dpm_flower.payload.certificates import not_after, read_certificate, subject_names
from dpm_flower.payload.development_ca import CERTIFICATE_NAME, HOST_CERTIFICATE_NAME, HOST_KEY_NAME, DevelopmentCa
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.passphrase import passphrase_lock


def create(folder: Path, name: str, days: int, descriptor: int | None, credential: str | None) -> int:
    """Makes a CA in a new folder, whose private key stays there -> the exit code."""

    def work() -> None:
        lock = passphrase_lock(descriptor, credential)
        made = DevelopmentCa.create(folder, name, now=_now(), days=days, lock=lock)
        _say(f"{folder / CERTIFICATE_NAME}, for everybody, holds until {_until(made.certificate_pem)}; its key never leaves {folder}")

    return exit_code(work)


def sign(request: Path, card: Path, ca: Path, output: Path | None, days: int, descriptor: int | None, credential: str | None) -> int:
    """Signs an entity's request if it keeps to its card; writes the certificate -> the exit code."""

    def work() -> None:
        authority = DevelopmentCa.open(ca, passphrase_lock(descriptor, credential))
        claimed = read_card(Envelope.from_bytes(_read(card)))
        certificate = authority.sign(_read(request), claimed, now=_now(), days=days)
        _write(output or request.with_suffix(".crt"), certificate)

    return exit_code(work)


def sign_host(hosts: list[str], ca: Path, folder: Path, days: int, descriptor: int | None, credential: str | None) -> int:
    """Makes a key and a certificate for a SuperLink's host in a new folder -> the exit code."""

    def work() -> None:
        authority = DevelopmentCa.open(ca, passphrase_lock(descriptor, credential))
        certificate = authority.sign_host(folder, tuple(hosts), now=_now(), days=days)
        _say(f"{folder}: {HOST_KEY_NAME} (private) and {HOST_CERTIFICATE_NAME} for {', '.join(hosts)}, until {_until(certificate)}")

    return exit_code(work)


def renew(certificate: Path, ca: Path, output: Path | None, days: int, descriptor: int | None, credential: str | None) -> int:
    """Signs the same key and names anew; the new certificate takes the old one's place in one step -> the exit code."""

    def work() -> None:
        authority = DevelopmentCa.open(ca, passphrase_lock(descriptor, credential))
        _write(output or certificate, authority.renew(_read(certificate), now=_now(), days=days))

    return exit_code(work)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise SettingError(f"cannot read {path}: {err.strerror}") from err


def _write(path: Path, certificate: bytes) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(certificate)
    names = subject_names(read_certificate(certificate)).all
    _say(f"{path} for {', '.join(names)}, until {_until(certificate)}")


def _until(certificate: bytes) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(not_after(certificate)))


def _now() -> int:
    return int(time.time())


def _say(line: str) -> None:
    print(line)
