"""What a vision transformer learns from encrypted images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled, as_bytes
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.sources import load
from dpm_flower.data.stratified import stratified_split
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.nets.encryption import Encryption
from dpm_flower.nets.pevit import Positions, VisionTransformer, VitSize, size_of
from dpm_flower.training.prediction import accuracy
from dpm_flower.training.supervised import Examples
from dpm_flower.training.vision_transformer import DEIT, USUAL, Softening, train_vision_transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """Images of `side` pixels: a share of the training images is the attacker's own, all others are released."""

    side: int = 32
    attacker: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.attacker < 1:
            raise SettingError(f"the attacker's share of the training images lies in (0, 1), got {self.attacker}")

    def of(self, ground: Ground) -> tuple[DataSet, Labelled, Labelled]:
        """The data, what is released of it, and what the attacker owns, both with the class mix of all."""
        data = load(ground.data, self.side)
        order = torch.randperm(len(data.train), generator=ground.stream("division"))
        own, released = stratified_split(order, data.train.labels, round(self.attacker * len(data.train)))
        return data, data.train.take(released), data.train.take(own)


DIVIDED = Divided()


def released_by(encryption: Encryption | None, images: Tensor, ground: Ground, purpose: str) -> Tensor:
    """Images (N,3,H,W), bytes -> what leaves of them, bytes; without encryption they themselves. The same for all trials of a seed."""
    if encryption is None:
        return images
    return as_bytes(encryption(images, ground.stream(purpose, repr(encryption))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognising:
    """A vision transformer learns from released images, and is tested on test images that are encrypted likewise.

    `method` encrypts them, None leaves them in clear. Tokens are patches of `patch` pixels, which are the method's.
    """

    name: str
    method: ShuffledImages | MixedImages | None
    positions: Positions
    patch: int = 8
    size: VitSize | str = "mini"
    divided: Divided = DIVIDED
    fitting: Fitting = DEIT
    softening: Softening = USUAL

    def __post_init__(self) -> None:
        size_of(self.size)
        if self.method is not None and self.method.patch != self.patch:
            raise SettingError(f"tokens are the patches that were encrypted, of {self.method.patch} pixels, got tokens of {self.patch}")

    def run(self, ground: Ground) -> Found:
        """Everything from the data to top-1."""
        data, released, _ = self.divided.of(ground)
        encryption = self.method.encryption if self.method is not None else None
        lessons = released_by(encryption, released.images, ground, "release")
        with global_generator_from(ground.stream("initialisation")):
            network = VisionTransformer(self.divided.side, self.patch, data.train.classes, self.positions, self.size)
        train_vision_transformer(
            network,
            Examples(lessons, released.labels),
            data.train.classes,
            self.fitting,
            self.softening,
            compute=ground.compute,
            rng=ground.stream("lessons"),
            report=ground.report,
            checkpoint=ground.folder / "checkpoint.safetensors",
        )
        tested = released_by(encryption, data.test.images, ground, "test release")
        parameters = float(sum(parameter.numel() for parameter in network.parameters()))
        return Found(accuracy(network, tested, data.test.labels, ground.compute).figures | {"parameters": parameters})
