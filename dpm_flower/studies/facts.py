"""What a reader must know beside the figures: who held what, the test images, the machine, the versions, the command."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dpm_flower.core.errors import StudyError


@dataclass(frozen=True, slots=True)
class Holding:
    """One entity's training images, counted by class; `counts` is in the order of `Facts.classes`."""

    entity: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TestSet:
    """What one entity's deciders are judged on: the number of images, and the share of the most frequent class in [0, 1]."""

    __test__ = False  # the name is the field's own; pytest shall not take it for a test

    images: int
    trivial: float

    def __post_init__(self) -> None:
        if self.images < 1 or not 0 < self.trivial <= 1:
            raise StudyError(
                f"a test set has images and a most frequent class with a share in (0, 1], got {self.images} and {self.trivial}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The circumstances of a run. `holdings`, `public` and `left_out` are those of `holdings_seed`: the partition may differ by seed.

    `brought` counts the training images of entities that brought their own; how many there are of each class is their business, so
    that they have no holding. `left_out` counts the training images that are in neither, by the reason in words. Raises StudyError
    where the counts do not fit the classes.
    """

    classes: tuple[str, ...]
    holdings: tuple[Holding, ...]
    public: tuple[int, ...]  # public images by class
    holdings_seed: int
    tests: Mapping[str, TestSet]  # by entity; the same for all where the test set is common
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    wall_s: float
    command: str  # what makes the same run again
    made_at: str  # ISO 8601, UTC
    brought: Mapping[str, int] = field(default_factory=dict)  # by entity
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was done to the data on the way in: a test set that had to be held out, a resize

    def __post_init__(self) -> None:
        for holder, counts in (*((holding.entity, holding.counts) for holding in self.holdings), ("the public part", self.public)):
            if len(counts) != len(self.classes) or min(counts, default=0) < 0:
                raise StudyError(f"wanted {len(self.classes)} counts (one per class) for {holder}, got {list(counts)}")
