"""The contracts between floors: a sharing method and its sharer, an attack and its view."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.level import Level
from dpm_flower.core.progress import Report
from dpm_flower.core.shared import SharedBatch
from dpm_flower.core.split_net import SplitNet


class FeatureSource(Protocol):
    """Images (N,3,H,W) -> their features (N,C,h,w), float32 on the CPU; computed once and kept."""

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> features (N,C,h,w)."""
        ...


class Sharer(Protocol):
    """One entity's prepared method. It holds the secret and is never serialised into a release."""

    def share(self, images: Tensor, labels: Labels) -> SharedBatch:
        """Images (B,C,H,W), bytes or floats in [0,1], with labels (B,) -> what leaves the house for them.

        Its i-th belongs to the i-th image, and there are B. An unpaired method's (see core/unpaired.py) are as many as there are images
        of the classes that it shares.
        """
        ...


@runtime_checkable
class WithFigures(Protocol):
    """What a sharer may be besides: one that found something out while it was prepared, for example the strength of its noise."""

    @property
    def figures(self) -> Mapping[str, float]:
        """Finite figures by name; they stand among those of the release and leave the house."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """What an entity prepares a method with: its own images, the public ones, and how to compute."""

    net: SplitNet
    private: Labelled
    validation: Labelled
    public: Labelled
    rng: torch.Generator
    compute: Compute
    report: Report
    features: FeatureSource


@runtime_checkable
class SharingMethod(Protocol):
    """A frozen dataclass: its fields are the method's knobs, its name stands in manifests and tables."""

    @property
    def name(self) -> str:
        """What manifests call this method."""
        ...

    def prepare(self, preparation: Preparation) -> Sharer | None:
        """Fits the entity's private part. None: this method shares nothing."""
        ...


@runtime_checkable
class ReadsLabels(Protocol):
    """What a sharing method may be besides: one whose `share` looks at nothing of an image but its label."""

    @property
    def reads_labels_only(self) -> Literal[True]:
        """What it makes of held-out images says what their true labels are, and nothing of how a decider reads it."""
        ...


@runtime_checkable
class WithCodec(Protocol):
    """What a sharing method may say besides: by which codec its features are released."""

    @property
    def codec(self) -> str:
        """Its name, see core/codec_name.py."""
        ...


@runtime_checkable
class Wraps(Protocol):
    """What a sharing method may be besides: one that releases in another form what another method shares."""

    @property
    def method(self) -> SharingMethod:
        """The other method."""
        ...

    def around(self, method: SharingMethod) -> SharingMethod:
        """The same form for what a third method shares."""
        ...


def reads_labels_only(method: SharingMethod) -> bool:
    """Whether a method, or what it releases in another form, looks at nothing of an image but its label."""
    return isinstance(method, ReadsLabels) or (isinstance(method, Wraps) and reads_labels_only(method.method))


@runtime_checkable
class ReadsAttributes(Protocol):
    """What a sharing method may be besides: one that can be prepared against attributes of the images, where those are known."""

    def without_attributes(self) -> SharingMethod:
        """The nearest method for whoever knows none: an attacker without them runs that."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Leaked:
    """Pairs that got out: k of the victim's images (k,C,H,W), with what was released for them in the same order."""

    images: Tensor
    released: SharedBatch


Auxiliary: TypeAlias = Literal["public", "public+own", "own"]  # what an attacker learns from: a peer has both, and may take its own only
BlackBox: TypeAlias = Callable[[Tensor, Labels], SharedBatch]  # images (B,C,H,W) and labels (B,) -> what would be shared for them


@dataclass(frozen=True, slots=True, eq=False)
class AttackerView:
    """All that an attacker knows before it sees a release: public networks and images, and what its level adds. Never the truth.

    `features` are the public featurizer's. `folder` is this attacker's own: what it has trained stays there, so that it is trained
    once however many releases it is asked about. What its level does not have is None: the `recipe` of the defence; `own`, images
    of the task that the attacking peer owns (labels are the task's); `leaked` pairs, of which a made-up release has none; `oracle`, the
    victim's sharer as a black box; and for who sees that much of the victim `prepared`, which gives an attack of a level that does not
    as if it were asked itself, so that what both build on is trained once. It raises SettingError for any other attack.
    """

    net: SplitNet
    public: Labelled
    features: FeatureSource
    recipe: SharingMethod | None
    folder: Path
    compute: Compute
    report: Report
    own: Labelled | None = None
    leaked: Leaked | None = None
    oracle: BlackBox | None = None
    prepared: "Callable[[Attack], Attacker] | None" = None

    def auxiliary(self, chosen: Auxiliary) -> tuple[Labelled, ...]:
        """The sets of images to learn from: the public one, the attacker's, or both, in this order; each with class numbers of its own.

        Raises SettingError where own images are wanted and this attacker has none.
        """
        if chosen == "public":
            return (self.public,)
        if self.own is None:
            raise SettingError(f'wanted a view with the attacker\'s own images for the auxiliary set "{chosen}", got one without')
        return (self.own,) if chosen == "own" else (self.public, self.own)


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """An attacker's reconstructions (N,C,H,W), floats in [0,1], in the order of the release."""

    images: Tensor


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Why an attack says nothing about a release."""

    reason: str


AttackResult: TypeAlias = Guess | NotApplicable


class Attacker(Protocol):
    """A prepared attack. Beside its view it sees releases only; the scorer adds the truth."""

    def guess(self, release: SharedBatch) -> AttackResult:
        """What the attacker makes of a release, or why it can make nothing of it."""
        ...


class Levelled(Protocol):
    """What all attacks say: each is a frozen dataclass, whose fields are its knobs and whose name heads its figures."""

    @property
    def name(self) -> str:
        """What tables call this attack, its level first: "A1.residual-2-x4"."""
        ...

    @property
    def level(self) -> Level:
        """What it knows, and so what its view holds."""
        ...


@runtime_checkable
class Attack(Levelled, Protocol):
    """One that guesses images."""

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """Everything that can be done before a release is seen; the same view and stream give the same attacker."""
        ...


class Linker(Protocol):
    """A prepared linkage attack. Beside its view it sees releases and candidate images; which of them are victims, the scorer knows."""

    def link(self, release: SharedBatch, gallery: Tensor) -> Tensor | NotApplicable:
        """A release of N images and G candidates (G,3,H,W) -> how alike they are (N,G), higher = more, or why nobody can say.

        Only the scores of one row can be compared with each other.
        """
        ...


@runtime_checkable
class LinkageAttack(Levelled, Protocol):
    """As an attack, but one that answers which of a gallery's images made a release, instead of guessing images."""

    def linker(self, view: AttackerView, rng: torch.Generator) -> Linker:
        """Everything that can be done before a release or a gallery is seen; the same view and stream give the same linker."""
        ...


@runtime_checkable
class TellsMembers(LinkageAttack, Protocol):
    """What a linkage attack says besides that answers who is in a release and not where: all of one label is scored alike."""

    @property
    def tells_members(self) -> Literal[True]:
        """It is judged by how often a victim stands out among candidates that are none."""
        ...


@runtime_checkable
class MayBeUnlearnt(Protocol):
    """What a prepared attack of any kind may say besides: whether it does what everybody can, under its own name."""

    @property
    def unlearnt(self) -> str:
        """Why it found nothing to learn from; empty for one that has learnt what it set out to learn."""
        ...


def unlearnt(prepared: Attacker | Linker) -> str:
    """Why a prepared attack found nothing to learn from, and does what everybody can; empty for one that does what it is for."""
    return prepared.unlearnt if isinstance(prepared, MayBeUnlearnt) else ""


class Inferrer(Protocol):
    """A prepared attribute attack. Beside its view it sees releases only; which of their images have what, the scorer knows."""

    def infer(self, release: SharedBatch) -> Tensor | NotApplicable:
        """A release of N images -> a score of each attribute (N,A), higher = rather has it, or why nobody can say.

        Only the scores of one attribute can be compared with each other.
        """
        ...


@runtime_checkable
class AttributeAttack(Levelled, Protocol):
    """As an attack, but one that answers which attributes the images have that made a release, instead of guessing images.

    The attributes that it learns are those of its view's images.
    """

    def inferrer(self, view: AttackerView, rng: torch.Generator) -> Inferrer:
        """Everything that can be done before a release is seen; the same view and stream give the same inferrer."""
        ...


StudyAttack: TypeAlias = Attack | LinkageAttack | AttributeAttack  # what a study may ask about a release


@runtime_checkable
class SlowAttack(Attack, Protocol):
    """What an attack says besides that works on each image by itself, for too long to be judged by all of a release."""

    @property
    def most_images(self) -> int:
        """By how many images it is judged at most."""
        ...


@runtime_checkable
class LeakAttack(Attack, Protocol):
    """What an attack of a level with leaked pairs says besides."""

    @property
    def pairs(self) -> int:
        """How many pairs it wants to have been leaked."""
        ...
