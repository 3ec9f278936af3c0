"""What a study names as its data -> which source, where, and with which options."""

from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.errors import DataError

DIGITS, FOLDER, NPZ = "digits", "folder", "npz"
ROOTED = ("cifar10", "cifar100", "fashion-mnist", "celeba", "imagenet")  # "NAME:FOLDER", in the files of their publishers
DOWNLOADED = ("cifar10", "cifar100", "fashion-mnist", "celeba")
LABELLED = (FOLDER, NPZ, "celeba")
KNOWN = (
    f'"digits", a path to an .npz archive, a path to a folder of images, or one of {", ".join(ROOTED)} with its folder, '
    'as "cifar10:FOLDER"; after it, "?label=NAME" makes a column or an attribute the class, and "?download" fetches what torchvision can'
)


@dataclass(frozen=True, slots=True)
class SourceName:
    """A kind of source, the absolute path of its files (of the digits: none), the column or attribute that is the class, if one
    was named, and whether missing files may be downloaded.

    Written as "KIND:PATH" or "PATH", then "?" and options with "&" between: "faces.npz?label=Male", "celeba:FOLDER?label=Young&download".
    """

    kind: str
    path: Path = Path()
    label: str = ""
    download: bool = False

    @classmethod
    def parse(cls, data: str) -> "SourceName":
        """The text -> its parts. A path that is there is taken as it stands, whatever it holds. Raises DataError, telling what is known."""
        place, options = data, ""
        if data and not Path(data).expanduser().exists():
            place, _, options = data.partition("?")
        kind, path = _place(place, data)
        label, download = _options(options, data)
        if label and kind not in LABELLED:
            raise DataError(f"wanted a label of a source that has columns or attributes ({', '.join(LABELLED)}), got {data!r}")
        if download and kind not in DOWNLOADED:
            raise DataError(f"wanted a download of a source that torchvision can fetch ({', '.join(DOWNLOADED)}), got {data!r}")
        return cls(kind, path, label, download)


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


def _options(options: str, data: str) -> tuple[str, bool]:
    label, download = "", False
    for option in options.split("&") if options else ():
        name, equals, value = option.partition("=")
        if name == "label" and value and not label:
            label = value
        elif option == "download" and not equals and not download:
            download = True
        else:
            raise DataError(f'wanted the options "label=NAME" and "download" after "?", each once, got {option!r} in {data!r}')
    return label, download
