"""Who holds what: how a data set's training images are divided among the entities."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

from dpm_flower.core.errors import SettingError

LEAST_HELD = 3  # images: batch statistics need two to train on, and choosing needs one to validate on
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # a DNS label: it becomes part of one in the entity's certificate
USUAL_PUBLIC = 0.2  # of all training images, where no classes are public


@dataclass(frozen=True, slots=True)
class Iid:
    """The images at random in parts of equal size (to within one), whatever their classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dirichlet:
    """Each class is divided in proportions drawn from Dir(`alpha`, ..., `alpha`): the smaller alpha, the less alike the entities.

    It is drawn anew until every entity has at least `least` images. Source: arXiv 1905.12022, section 4; arXiv 1909.06335.
    """

    alpha: float
    least: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.alpha < float("inf"):
            raise SettingError(f"alpha must be > 0 and finite, got {self.alpha}")
        if self.least < LEAST_HELD:
            raise SettingError(f"least must be at least {LEAST_HELD} images, got {self.least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByClass:
    """Exactly `classes` classes for each entity, a class in equal parts among those who have it, and no class favoured.

    Every class is held where entities times `classes` suffice for that. Source: arXiv 2102.02079, section 4.1 (#C = k).
    """

    classes: int = 2

    def __post_init__(self) -> None:
        if self.classes < 1:
            raise SettingError(f"classes must be at least 1 for each entity, got {self.classes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByColumn:
    """Each value of a column (a hospital, a patient) belongs to one entity.

    Entities named after values hold those, and what belongs to other values nobody holds. With other names, as many
    entities as values take them in sorted order; fewer share them out at random, equally many to each (to within one).
    """

    column: str

    def __post_init__(self) -> None:
        if not self.column:
            raise SettingError("column must name a column of the data, got an empty name")


Deal: TypeAlias = Iid | Dirichlet | ByClass | ByColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Each entity's share of the private training images, with the class mix of the whole.

    Entities are (name, share) in the order of their partition numbers; shares add up to at most 1. `public` is the share of all
    training images that is public (None: 0.2). `validation` is the part of an entity's own images on which it chooses, and which
    it neither trains on nor releases. With `public_classes`, numbers or how many to draw, the public images are those of
    these classes, and the task has only the others; `public` is then the share of these classes' images (None: all of them).
    `together` names a column none of whose values (a patient) is on two sides of any of these divisions.
    """

    entities: tuple[tuple[str, float], ...]
    public: float | None = None
    validation: float = 0.1
    public_classes: tuple[int, ...] | int = ()
    together: str = ""

    def __post_init__(self) -> None:
        _check(self)
        if any(not share > 0 for _, share in self.entities) or sum(share for _, share in self.entities) > 1 + 1e-9:
            raise SettingError(f"shares must be > 0 and add up to at most 1, got {dict(self.entities)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The entities' names, in the order of their partition numbers."""
        return tuple(name for name, _ in self.entities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """Entities by name, in the order of their partition numbers, and how the private training images are dealt out to them.

    `private` is the share of the private images that is dealt out, with the class mix of the whole; nobody holds the rest.
    The other settings are those of `Shares`. With `together`, its values are dealt instead of images: `Iid` gives
    everybody equally many of them, `Dirichlet` goes by their most frequent class, and `ByClass` wants values of one class each.
    """

    names: tuple[str, ...]
    deal: Deal
    private: float = 1.0
    public: float | None = None
    validation: float = 0.1
    public_classes: tuple[int, ...] | int = ()
    together: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.names, str):
            raise SettingError(f"names must be a tuple of names, got the text {self.names!r}")
        _check(self)
        if not isinstance(self.deal, Deal):
            raise SettingError(f"deal must be Iid(), Dirichlet(alpha=...), ByClass(classes=...) or ByColumn(column=...), got {self.deal!r}")
        if not 0 < self.private <= 1:
            raise SettingError(f"private must be a share in (0, 1], got {self.private}")


Partition: TypeAlias = Shares | Dealt


def entities(count: int, prefix: str = "e") -> tuple[str, ...]:
    """How many entities -> their names, of equal length: 10 gives e01, e02, ..., e10."""
    return tuple(f"{prefix}{number:0{len(str(count))}}" for number in range(1, count + 1))


def public_share(partition: Partition) -> float:
    """The share of the public classes' images, or of all images where no classes are public, that is public."""
    if partition.public is not None:
        return partition.public
    return 1.0 if partition.public_classes else USUAL_PUBLIC


def _check(partition: Partition) -> None:
    """Raises SettingError for settings that both kinds of partition have and that cannot work."""
    _check_hashable(partition)
    _check_names(partition.names)
    if not 0 < partition.validation < 1:
        raise SettingError(f"validation must lie between 0 and 1, got {partition.validation}")
    if isinstance(partition.public_classes, int) and partition.public_classes < 1:
        raise SettingError(f"public_classes must be class numbers or how many (at least 1), got {partition.public_classes}")
    share = public_share(partition)
    if not 0 < share <= 1:  # all: where the public images are those of other classes or of another data set
        raise SettingError(f"public must be a share in (0, 1], got {share}")


def _check_hashable(partition: Partition) -> None:
    """A division is kept under its partition, which therefore holds tuples all through, and no list, set or dict."""
    for setting in fields(partition):
        value = getattr(partition, setting.name)
        try:
            hash(value)
        except TypeError as err:
            raise SettingError(f"{setting.name} must be made of tuples, texts and numbers, got {value!r}") from err


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise SettingError("a study needs at least one entity, got none")
    if len(set(names)) != len(names):
        raise SettingError(f"entities must have different names, got {', '.join(names)}")
    for name in names:
        if not NAME.fullmatch(name):
            raise SettingError(f"an entity's name has 1 to 63 lower-case letters, digits and inner '-', got {name!r}")
