"""The arms of an experiment: what is shared in each, who shares it, and what the receivers do with it."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod, WithCodec

Refinement = Literal["own", "shared", "network", "none"]
Averaged = Literal["network", "decider"]
Start = Literal["lead", "scratch"]

USUAL_ROUNDS = 4  # of a shared decider


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingArm:
    """One arm of an experiment: what the entities share, and what each does with what it gets.

    * ``own``: each entity refines its own copy of the decider (the paper's step 3).
    * ``shared``: decider updates are averaged over `rounds` rounds (None: 4) into one decider for all, with the same gradient steps.
    * ``network``: the whole network is trained from scratch on own and received images, with the pre-training budget.
    * ``none``: releases are made and judged, and nobody trains on them.

    `senders` limits whose releases are used, `receivers` who refines on them (names); empty means everybody. `exceptions` are
    (entity, method) of those that share in another way: entities may choose their module's architecture themselves.
    Raises SettingError for what cannot work, and for settings that would do nothing: `rounds` where nothing is averaged, `receivers`
    where nobody trains.
    """

    name: str
    method: SharingMethod
    refine: Refinement = "own"
    rounds: int | None = None
    receivers: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    exceptions: tuple[tuple[str, SharingMethod], ...] = ()

    def __post_init__(self) -> None:
        check_arm_name(self.name)
        for method in (self.method, *(method for _, method in self.exceptions)):
            self._check_method(method)
        if self.refine not in ("own", "shared", "network", "none"):
            raise SettingError(f'refine must be "own", "shared", "network" or "none", got {self.refine!r}')
        if self.rounds is not None and self.refine != "shared":
            raise SettingError(f'arm {self.name!r}: only deciders refined as "shared" have rounds, got {self.rounds} with {self.refine!r}')
        if self.rounds is not None and self.rounds < 1:
            raise SettingError(f"rounds must be at least 1 or None, got {self.rounds}")
        if self.receivers and self.refine == "none":
            raise SettingError(f'arm {self.name!r}: nobody refines with "none", got the receivers {", ".join(self.receivers)}')
        names = [name for name, _ in self.exceptions]
        if len(set(names)) != len(names):
            raise SettingError(f"arm {self.name!r}: an entity has one exception, got {', '.join(names)}")

    def _check_method(self, method: object) -> None:
        if not isinstance(method, SharingMethod) or isinstance(method, type):  # a class has all that its instances have
            raise SettingError(f"arm {self.name!r} needs a sharing method, got {method!r}")
        if " at 0x" in repr(method):
            raise SettingError(f"arm {self.name!r}: a method's repr names its knobs and no memory address, got {method!r}")
        if method.name != self.method.name:
            raise SettingError(f"arm {self.name!r}: exceptions are variants of {self.method.name}, got {method.name}")

    @property
    def averaged_rounds(self) -> int:
        """How many rounds of averaging there are; 0 where each entity trains alone."""
        return (self.rounds or USUAL_ROUNDS) if self.refine == "shared" else 0

    @property
    def codec(self) -> str:
        """By which codec the features of this arm are released; empty where they are numbers."""
        return self.method.codec if isinstance(self.method, WithCodec) else ""

    def method_of(self, entity: str) -> SharingMethod:
        """The method by which this entity shares."""
        return dict(self.exceptions).get(entity, self.method)

    def sends(self, entity: str) -> bool:
        """Whether this entity's release is used in this arm."""
        return not self.senders or entity in self.senders

    def receives(self, entity: str) -> bool:
        """Whether this entity refines in this arm."""
        return self.refine != "none" and (not self.receivers or entity in self.receivers)

    def named(self) -> frozenset[str]:
        """The entities that this arm names, who must be the study's."""
        return frozenset((*self.receivers, *self.senders, *(name for name, _ in self.exceptions)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragingArm:
    """Federated averaging by Flower's own FedAvg; `proximal_mu` > 0 makes it FedProx.

    `part` says what is averaged: the whole network, or the decider behind the lead's featurizer. `start` says from where: the
    lead's weights, with the steps of `Study.refine` in all, or untrained ones (``scratch``), with those of `Study.pretrain`.
    The steps are spread over `rounds`, unless `local_epochs` says how often each entity walks through its own images in a
    round. `learning_rate` takes the place of the budget's own.
    """

    name: str
    part: Averaged = "network"
    start: Start = "lead"
    rounds: int = 5
    local_epochs: int | None = None
    learning_rate: float | None = None
    proximal_mu: float = 0.0

    def __post_init__(self) -> None:
        check_arm_name(self.name)
        if self.part not in ("network", "decider"):
            raise SettingError(f'part must be "network" or "decider", got {self.part!r}')
        if self.start not in ("lead", "scratch"):
            raise SettingError(f'start must be "lead" or "scratch", got {self.start!r}')
        if self.rounds < 1:
            raise SettingError(f"rounds must be at least 1, got {self.rounds}")
        if self.local_epochs is not None and self.local_epochs < 1:
            raise SettingError(f"local_epochs must be at least 1 or None, got {self.local_epochs}")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise SettingError(f"learning_rate must be > 0 and finite, or None, got {self.learning_rate}")
        if not 0 <= self.proximal_mu < math.inf:
            raise SettingError(f"proximal_mu must be >= 0 and finite, got {self.proximal_mu}")

    @property
    def averaged_rounds(self) -> int:
        """How many rounds of averaging there are."""
        return self.rounds


Arm: TypeAlias = SharingArm | AveragingArm

RECEIVED = "D as received"  # the row of the decider before anybody refined it; every study has it


def check_arm_name(name: str) -> None:
    """Raises SettingError for a name that cannot head a row."""
    if not name.strip() or "\x1f" in name or name == RECEIVED:
        raise SettingError(f"an arm needs a name of its own, got {name!r}")
