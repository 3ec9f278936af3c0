"""What a study names as its data -> which source, where, and with which options."""

from dataclasses import dataclass, replace
from pathlib import Path

from dpm_flower.core.errors import DataError

DIGITS, FOLDER, NPZ = "digits", "folder", "npz"
ROOTED = ("cifar10", "cifar100", "fashion-mnist", "celeba", "imagenet")  # "NAME:FOLDER", in the files of their publishers
DOWNLOADED = ("cifar10", "cifar100", "fashion-mnist", "celeba")
LABELLED = (FOLDER, NPZ, "celeba")
HELD_OUT = (FOLDER,)  # where a test set may have to be held out; all others come with one
KNOWN = (
    f'"digits", a path to an .npz archive, a path to a folder of images, or one of {", ".join(ROOTED)} with its folder, '
    'as "cifar10:FOLDER"; after it, "?label=NAME" makes a column or an attribute the class, "?attributes=NAME,NAME" has attackers infer '
    'others, "?apart=NAME" holds out whole values of a column where a folder has no test set, "?public=SOURCE" takes the public images '
    'from another source, and "?download" fetches what torchvision can'
)


@dataclass(frozen=True, slots=True)
class SourceName:
    """A kind of source, the absolute path of its files (of the digits: none), the column or attribute that is the class, if one
    was named, the column by whose values a test set is to be held out, if any, whether missing files may be downloaded, the
    columns or attributes beside the class that the images are to have as attributes, and the other source, without options, whose
    training images are the public ones.

    Written as "KIND:PATH" or "PATH", then "?" and options with "&" between: "faces.npz?label=Male", "celeba:FOLDER?label=Young&download",
    "scans?apart=patient", "skin.npz?attributes=sex,localization&public=cifar10:FOLDER".
    """

    kind: str
    path: Path = Path()
    label: str = ""
    apart: str = ""
    download: bool = False
    attributes: tuple[str, ...] = ()
    public: "SourceName | None" = None

    @classmethod
    def parse(cls, data: str) -> "SourceName":
        """The text -> its parts. A path that is there is taken as it stands, whatever it holds. Raises DataError, telling what is known."""
        try:
            place, options = data, ""
            if data and not Path(data).expanduser().exists():
                place, _, options = data.partition("?")
            kind, path = _place(place, data)
        except (OSError, RuntimeError, ValueError) as err:  # too long, in a folder that is closed to us, of no such user, not text
            raise DataError(f"wanted a path that can be looked up, got {data!r}: {err}") from err
        source = _with_options(cls(kind, path), options, data)
        if (source.label or source.attributes) and kind not in LABELLED:
            raise DataError(
                f"wanted a label or attributes of a source that has columns or attributes ({', '.join(LABELLED)}), got {data!r}"
            )
        if source.apart and kind not in HELD_OUT:
            raise DataError(f"wanted apart=NAME of a source that may lack a test set ({', '.join(HELD_OUT)}), got {data!r}")
        if source.download and kind not in DOWNLOADED:
            raise DataError(f"wanted a download of a source that torchvision can fetch ({', '.join(DOWNLOADED)}), got {data!r}")
        return source


def placed_below(data: str, folder: Path) -> str:
    """What names a source, written in a file of `folder` -> the same with its path, where it has one, starting from that folder."""
    name, colon, root = data.partition(":")
    if data.partition("?")[0] == DIGITS or not data:
        return data
    if colon and name in ROOTED:
        return f"{name}:{_from(folder, root)}" if root else data
    return _from(folder, data)


def _from(folder: Path, place: str) -> str:
    """Joined as text: what stands after "?" is no path."""
    return place if place.startswith(("/", "~")) else f"{folder}/{place}"


def _place(place: str, data: str) -> tuple[str, Path]:
    if place == DIGITS:
        return DIGITS, Path()
    name, colon, root = place.partition(":")
    if colon and name in ROOTED:
        if not root:
            raise DataError(f'wanted "{name}:FOLDER" with the folder of its files, got {data!r}')
        return name, Path(root).expanduser().resolve()
    path = Path(place).expanduser().resolve()
    if place and path.is_dir():
        return FOLDER, path
    if path.suffix.lower() == ".npz":
        return NPZ, path
    raise DataError(f"wanted {KNOWN}; got {data!r}, which is none of these")


def _with_options(source: SourceName, options: str, data: str) -> SourceName:
    for option in options.split("&") if options else ():
        name, equals, value = option.partition("=")
        if name == "label" and value and not source.label:
            source = replace(source, label=value)
        elif name == "attributes" and not source.attributes and _are_names(names := tuple(value.split(","))):
            source = replace(source, attributes=names)
        elif name == "apart" and value and not source.apart:
            source = replace(source, apart=value)
        elif name == "public" and value and source.public is None:
            kind, path = _place(value, data)
            source = replace(source, public=SourceName(kind, path))
        elif option == "download" and not equals and not source.download:
            source = replace(source, download=True)
        else:
            wanted = '"label=NAME", "attributes=NAME,NAME", "apart=NAME", "public=SOURCE" and "download"'
            raise DataError(f'wanted the options {wanted} after "?", each once, got {option!r} in {data!r}')
    return source


def _are_names(names: tuple[str, ...]) -> bool:
    return all(names) and len(set(names)) == len(names)
