"""Folders that are named after the parts of a data set: which is the training part, which the test part."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dpm_flower.core.errors import DataError

Role: TypeAlias = Literal["train", "validation", "test"]

ROLES: dict[str, Role] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
FILLERS = {"set", "data", "dataset", "images", "split"}  # "test_set", "train-images"
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
WANTED = (
    "FOLDER/train/CLASS/IMAGE with FOLDER/test/CLASS/IMAGE (or val, valid, validation, dev), "
    "or FOLDER/CLASS/IMAGE with at least two classes, none of which is called like a part of a data set"
)


@dataclass(frozen=True, slots=True)
class Splits:
    """Names of folders: the training part, the test part, and the validation part beside it, if there is one."""

    train: str
    test: str
    validation: str = ""


def splits_among(names: Sequence[str], where: str) -> Splits | None:
    """The names of all folders below `where` -> which of them are the parts of a data set; None where all are classes.

    In upper or lower case, "training" for train, "val", "valid", "validation", "dev" or "eval" for validation, "testing" for test.
    Without a test part, the validation part is the test part. Raises DataError wherever a part might be taken for a class or be left
    unread: for a training part alone, for parts without it, for two folders of one part, and for a name such as "test_extra".
    """
    roles = {name: _role(name) for name in names}
    parts: dict[Role, list[str]] = {}
    for name, role in roles.items():
        if role is not None:
            parts.setdefault(role, []).append(name)
    unclear = [name for name, role in roles.items() if role is None and _roles(name)]
    hinted = set().union(*(_roles(name) for name in unclear))
    if not parts and not ("train" in hinted and len(hinted) > 1):  # "train_station" is a class; beside "seg_test", "seg_train" is none
        return None
    if any(len(found) > 1 for found in parts.values()) or unclear or "train" not in parts or len(parts) < 2:
        raise DataError(f"{where}: wanted {WANTED}; got the folders {sorted(names)}")
    validation, test = parts.get("validation", [""])[0], parts.get("test", [""])[0]
    return Splits(parts["train"][0], test or validation, validation if test else "")


def _role(name: str) -> Role | None:
    """What a folder is beyond doubt: its name has no other words than that and fillers."""
    found = _roles(name)
    return next(iter(found)) if len(found) == 1 and set(_words(name)) <= {*ROLES, *FILLERS} else None


def _roles(name: str) -> set[Role]:
    return {ROLES[word] for word in _words(name) if word in ROLES}


def _words(name: str) -> list[str]:
    """ "TestSet", "test_set" and "testset2" all are of one word beside fillers."""
    return [word.lower().removesuffix("set") or "set" for word in WORD.findall(name)]
