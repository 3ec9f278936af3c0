"""A study: one experiment as a value. A variant is `dataclasses.replace`."""

from dataclasses import dataclass

from dpm_flower.core.arms import Arm, SharingArm
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Augmentation, Fitting, Precision
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import SharingMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One experiment: data, who holds what, the networks, the arms, the seeds, and how training is done.

    `data` is a known name or a path; images are brought to `side` pixels. `lead` names the entity that pre-trains; empty
    means the one with the most images. `threads` is torch's thread count in every client, `lead_threads` that of the
    pre-training (alone on the machine): results depend on both. An entity may take `phase_timeout_s` for each message of a phase;
    then the run goes on with those who answered, if they are at least `quorum` of all entities (a share).
    """

    name: str
    partition: Shares
    arms: tuple[Arm, ...]
    data: str = "digits"
    side: int = 32
    backbone: str = "resnet20"
    hook: str = "conv3_1"
    seeds: tuple[int, ...] = (0, 1, 2)
    lead: str = ""
    pretrain: Fitting = Fitting(steps=1000, learning_rate=1e-2)
    reconstruct: Fitting = Fitting(steps=600, learning_rate=3e-3, weight_decay=0.0)
    refine: Fitting = Fitting(steps=600, learning_rate=2e-3)
    augment: Augmentation = "none"
    threads: int = 1
    lead_threads: int = 1
    device: str = "auto"
    precision: Precision = "auto"
    quorum: float = 0.5
    phase_timeout_s: float = 3600.0
    pictures: int = 8

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise SettingError(f"arms must have different names, got {', '.join(names)}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise SettingError(f"a study needs at least one seed, each once, got {self.seeds}")
        if self.lead and self.lead not in self.partition.names:
            raise SettingError(f"the lead must be one of {', '.join(self.partition.names)}, got {self.lead!r}")
        for arm in self.arms:
            if isinstance(arm, SharingArm) and (strangers := arm.named() - set(self.partition.names)):
                raise SettingError(f"arm {arm.name!r} names strangers, who are no entities: {', '.join(sorted(strangers))}")
        for name in ("threads", "lead_threads", "side", "pictures"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.quorum <= 1:
            raise SettingError(f"quorum is a share of the entities in (0, 1], got {self.quorum}")
        if not self.phase_timeout_s > 0:
            raise SettingError(f"phase_timeout_s must be > 0, got {self.phase_timeout_s}")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise SettingError(f'precision must be "auto", "float32" or "bfloat16", got {self.precision!r}')
        if self.augment not in ("none", "shift", "shift-flip"):
            raise SettingError(f'augment must be "none", "shift" or "shift-flip", got {self.augment!r}')

    @property
    def methods(self) -> tuple[SharingMethod, ...]:
        """The distinct sharing methods, in the order of the arms: one release each, however many arms use it."""
        methods: list[SharingMethod] = []
        for arm in self.arms:
            for method in (arm.method, *(other for _, other in arm.exceptions)) if isinstance(arm, SharingArm) else ():
                if method not in methods:
                    methods.append(method)
        return tuple(methods)

    def arm(self, name: str) -> Arm:
        """The arm of that name; raises SettingError with the known names."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise SettingError(f"study {self.name!r} has no arm {name!r}; it has {', '.join(a.name for a in self.arms)}")
