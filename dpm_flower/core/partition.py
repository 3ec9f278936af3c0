"""Who holds what: the shares of a data set's training images."""

from dataclasses import dataclass

from dpm_flower.core.errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Each entity's share of the private training images, and the share of all training images that is public.

    Entities are (name, share) in the order of their partition numbers; shares add up to at most 1. `validation` is the part of
    an entity's own images on which it chooses, and which it neither trains on nor releases. With `public_classes` the public
    images are those of these classes, and the task has only the others; `public` is then left out.
    """

    entities: tuple[tuple[str, float], ...]
    public: float = 0.2
    validation: float = 0.1
    public_classes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        names = self.names
        if not names:
            raise SettingError("a study needs at least one entity, got none")
        if len(set(names)) != len(names):
            raise SettingError(f"entities must have different names, got {', '.join(names)}")
        for name in names:
            if not name.replace("-", "").isalnum() or not name.isascii():
                raise SettingError(f"an entity's name is made of ASCII letters, digits and '-', got {name!r}")
        if any(not share > 0 for _, share in self.entities) or sum(share for _, share in self.entities) > 1 + 1e-9:
            raise SettingError(f"shares must be > 0 and add up to at most 1, got {dict(self.entities)}")
        for name, value in (("public", self.public), ("validation", self.validation)):
            if not 0 < value < 1:
                raise SettingError(f"{name} must lie between 0 and 1, got {value}")

    @property
    def names(self) -> tuple[str, ...]:
        """The entities' names, in the order of their partition numbers."""
        return tuple(name for name, _ in self.entities)
