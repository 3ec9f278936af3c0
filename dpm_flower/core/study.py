"""A study: one experiment as a value. A variant is `dataclasses.replace`."""

import re
from dataclasses import dataclass, field

from dpm_flower.core.arms import Arm, SharingArm
from dpm_flower.core.classification import CROSS_ENTROPY, ClassificationLoss, check_loss
from dpm_flower.core.errors import SettingError
from dpm_flower.core.figures import check_columns
from dpm_flower.core.fitting import Augmentation, Fitting, Precision
from dpm_flower.core.level import Level
from dpm_flower.core.partition import Partition
from dpm_flower.core.protocols import LeakAttack, SharingMethod, StudyAttack
from dpm_flower.core.weights import check_weights

LEAST_SIDE = 11  # pixels: SSIM's window; smaller images could be trained on, and no release of them judged
ATTACK_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")  # heads columns of results.csv and scores in manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One experiment: data, who holds what, the networks, the arms, the seeds, and how training is done.

    `data` is a known name or a path; images are brought to `side` pixels, at least the 11 of SSIM's window. `lead` names the entity
    that pre-trains; empty means the one with the most images. `threads` is torch's thread count in every client, `lead_threads`
    that of the pre-training (alone on the machine): results depend on both. An entity may take `phase_timeout_s` for each message of
    a phase, no more than half of it waiting for its peers' releases, whatever they do; then the run goes on with those who answered,
    if they are at least `quorum` of all entities (a share).
    `weights` are what the backbone starts from, in pre-training and wherever a network is trained from scratch: nothing (untrained),
    "imagenet" (torchvision's for that backbone) or the absolute path of a state dict, .safetensors or .pth.
    `loss` is what classifiers are trained by: in pre-training, in refinement, in networks from scratch and in federated averaging.
    `attacks` are asked about every release in its owner's audit, beside the public reconstructor, which always is.
    `columns` are the figures of the result table (see core/figures.py); empty means the usual ones.
    """

    name: str
    partition: Partition
    arms: tuple[Arm, ...]
    attacks: tuple[StudyAttack, ...] = ()
    data: str = "digits"
    side: int = 32
    backbone: str = "resnet20"
    weights: str = ""
    hook: str = "conv3_1"
    seeds: tuple[int, ...] = (0, 1, 2)
    lead: str = ""
    pretrain: Fitting = Fitting(steps=1000, learning_rate=1e-2)
    reconstruct: Fitting = Fitting(steps=600, learning_rate=3e-3, weight_decay=0.0)
    refine: Fitting = Fitting(steps=600, learning_rate=2e-3)
    loss: ClassificationLoss = CROSS_ENTROPY
    augment: Augmentation = "none"
    threads: int = 1
    lead_threads: int = 1
    device: str = "auto"
    precision: Precision = "auto"
    quorum: float = 0.5
    phase_timeout_s: float = 3600.0
    pictures: int = 8
    columns: tuple[str, ...] = field(default=(), repr=False)  # not in the repr: how a table looks makes no other campaign

    def __post_init__(self) -> None:
        check_columns(self.columns)
        check_loss(self.loss)
        check_weights(self.weights)
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise SettingError(f"arms must have different names, got {', '.join(names)}")
        _check_attacks(self.attacks)
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise SettingError(f"a study needs at least one seed, each once, got {self.seeds}")
        if self.lead and self.lead not in self.partition.names:
            raise SettingError(f"the lead must be one of {', '.join(self.partition.names)}, got {self.lead!r}")
        for arm in self.arms:
            if isinstance(arm, SharingArm) and (strangers := arm.named() - set(self.partition.names)):
                raise SettingError(f"arm {arm.name!r} names strangers, who are no entities: {', '.join(sorted(strangers))}")
        for name, least in (("threads", 1), ("lead_threads", 1), ("side", LEAST_SIDE), ("pictures", 1)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} must be at least {least}, got {getattr(self, name)}")
        _check_patience(reconstruct=self.reconstruct, refine=self.refine)
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


def _check_patience(**fittings: Fitting) -> None:
    """Raises SettingError for a patience where nobody looks at validation images while training: it would do nothing."""
    for name, fitting in fittings.items():
        if fitting.patience is not None:
            raise SettingError(f"patience belongs to pretrain, which alone looks at validation images, got {name} with {fitting.patience}")


def _check_attacks(attacks: tuple[StudyAttack, ...]) -> None:
    """Raises SettingError for what is no attack, a repr that differs between runs, names that figures cannot begin with, missing pairs."""
    for attack in attacks:
        if not isinstance(attack, StudyAttack) or isinstance(attack, type):  # a class has all that its instances have
            raise SettingError(f"wanted an attack, got {attack!r}")
        if " at 0x" in repr(attack):
            raise SettingError(f"an attack's repr names its knobs and no memory address, got {attack!r}")
        if not ATTACK_NAME.fullmatch(attack.name) or attack.level is Level.A0:
            raise SettingError(f'wanted an attack named like "A1.plain-2-x4", above the one that is always asked, got {attack.name!r}')
        if attack.level.has_leaked_pairs and not isinstance(attack, LeakAttack):
            raise SettingError(f"an attack of level {attack.level.name} says how many pairs it wants, got {attack.name} without `pairs`")
    names = [attack.name for attack in attacks]
    if len(set(names)) != len(names):
        raise SettingError(f"attacks must have different names, got {', '.join(names)}")
