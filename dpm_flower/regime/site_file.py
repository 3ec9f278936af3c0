"""One institution's site.toml -> where its keys, folders and peers are, and what it allows."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dpm_flower.core.errors import SettingError
from dpm_flower.data.source_name import placed_below
from dpm_flower.exchange.store_url import check_store_url
from dpm_flower.payload.rules import shown
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.regime.site_policy import SitePolicy

MAX_FILE_BYTES = 1 << 20
DataName = typing.NewType("DataName", str)  # as a study names its data (see data/source_name.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPlace:
    """The folder of `dpm-flower identity create`, and where its passphrase comes from, if it has one (a systemd credential's name)."""

    folder: Path
    passphrase_credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPlace:
    """Whom this site believes: the consortium's roster, what was pinned of it, and the authority that signs TLS certificates."""

    roster: Path
    lock: Path
    ca: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePlace:
    """Where the exchange listens ("host:port"), and its certificate. `min_mb_per_s`: below it a peer counts as gone.

    `store` is the URL of object storage for the shards of the pool; without one they lie in the pool's folder.
    """

    listen: str
    certificate: Path
    store: str = ""
    min_mb_per_s: float = 0.1

    def __post_init__(self) -> None:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise SettingError(f'listen must be "host:port", got {shown(self.listen)}')
        if self.store:
            check_store_url(self.store)
        if not self.min_mb_per_s > 0:
            raise SettingError(f"min_mb_per_s must be > 0, got {self.min_mb_per_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowerPlace:
    """The consortium's SuperLink ("host:port"), the authority of its certificate, and a local port for the launcher."""

    superlink: str
    root_certificates: Path
    client_app_port: int = 9094


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlace:
    """The institution's own images, named as a study names its data, with paths relative to the site file's folder.

    `public` are public images to use instead of the study's. `classes` are what this site calls the study's classes, in the order
    of the study's numbers, where it calls them otherwise or has no data of the study's to read them from.
    """

    images: DataName
    public: DataName = DataName("")
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise SettingError(f"classes must have different names, got {shown(self.classes)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """All that one institution's services need to know. Paths in the file are absolute or relative to the file's folder.

    `entity` is the name on the certificate and in the roster; `folder` is private to this site: its pool, networks and caches.
    Without `data` the site works on its part of the study's images: a rehearsal. With `inbox`, `dpm-flower site run` learns from images
    that come day by day; `data` then names images that may stay: own ones, on whose test part the decider is judged, and public ones.
    """

    entity: str
    folder: Path
    identity: IdentityPlace
    trust: TrustPlace
    exchange: ExchangePlace
    flower: FlowerPlace
    policy: SitePolicy = field(default_factory=SitePolicy)
    data: DataPlace | None = None
    inbox: InboxPlace | None = None

    def __post_init__(self) -> None:
        if self.inbox is not None and (self.data is None or not self.data.public):
            raise SettingError("inbox: wanted a section data with images and public as well: the decider is judged on images that stay")


def read_site_file(path: Path) -> SiteFile:
    """A site.toml -> its settings. Raises SettingError, naming file, section and key, for anything that is not exactly that."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingError(f"{path}: a site file may take {MAX_FILE_BYTES} bytes")
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise SettingError(f"cannot read the site file {path}: {err}") from err
    return _section(SiteFile, found, str(path), path.resolve().parent)


_Section = typing.TypeVar("_Section")


def _section(kind: type[_Section], found: object, where: str, folder: Path) -> _Section:
    """A TOML table -> the dataclass of that section; keys are its fields, values are of their types."""
    if not isinstance(found, dict):
        raise SettingError(f"{where}: wanted a section, got {shown(found)}")
    hints = typing.get_type_hints(kind)
    known = {one.name: one for one in dataclasses.fields(kind)}  # type: ignore[arg-type]  # sections are dataclasses
    if unknown := sorted(found.keys() - known.keys()):
        raise SettingError(f"{where}: unknown keys {', '.join(unknown)}; known are {', '.join(known)}")
    required = {name for name, one in known.items() if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING}
    if missing := sorted(required - found.keys()):
        raise SettingError(f"{where}: lacks {', '.join(missing)}")
    values = {name: _value(hints[name], value, f"{where}: {name}", folder) for name, value in found.items()}
    try:
        return kind(**values)
    except SettingError as err:
        raise SettingError(f"{where}: {err}") from err


def _value(hint: object, value: object, where: str, folder: Path) -> object:
    """A TOML value -> the value of a field of that type."""
    if type(None) in typing.get_args(hint):  # TOML has no such value: the section is there or not
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if dataclasses.is_dataclass(hint):
        return _section(typing.cast("type[object]", hint), value, where, folder)
    if hint is Path and isinstance(value, str) and value and "\0" not in value:
        return folder / Path(value).expanduser()
    if hint is DataName and isinstance(value, str) and value and "\0" not in value:
        return placed_below(value, folder)
    if hint is str and isinstance(value, str):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is bool and isinstance(value, bool):
        return value
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if origin is Mapping and isinstance(value, dict):
        return types.MappingProxyType({key: _value(float, one, f"{where}.{key}", folder) for key, one in value.items()})
    wanted = {
        Path: "a path",
        DataName: "a known data set, or the path of one",
        str: "a string",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        tuple: "an array of strings",
    }
    raise SettingError(f"{where}: wanted {wanted.get(typing.cast('type', origin or hint), 'a table of numbers')}, got {shown(value)}")
