"""Reconstructors that are trained while a module trains, on what it makes of the images: attackers that have adapted to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.reconstructor import Reconstructor, ReconstructorKind, Side
from dpm_flower.training.losses import reconstruction_loss

# One after the other, so that no two neighbours in an ensemble are alike: kind, blocks
ARCHITECTURES: tuple[tuple[ReconstructorKind, int], ...] = (("plain", 2), ("residual", 2), ("plain", 1), ("residual", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adversaries:
    """How many reconstructors adapt to a module, of different architectures, and how fast.

    Each takes `steps` gradient steps for one of the module's. After every `restart` steps of the module the eldest begins anew from
    fresh weights: a module that hides from one set of weights only would be found out. 0: none ever does. Raises SettingError for
    knobs that cannot work.
    """

    count: int = 2
    steps: int = 1
    restart: int = 100
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        if self.count < 1 or self.steps < 1 or self.restart < 0:
            raise SettingError(f"wanted count and steps of at least 1 and restart of at least 0, got {self}")
        if not self.learning_rate > 0:
            raise SettingError(f"learning_rate must be > 0, got {self.learning_rate}")


@dataclass(slots=True, eq=False)
class AdversaryPool:
    """Adversaries at work against one module. `rng` is where their weights come from, `loss` (images, guesses) what they learn by."""

    settings: Adversaries
    features: tuple[int, int, int]
    side: Side
    compute: Compute
    rng: torch.Generator
    loss: Callable[[Tensor, Tensor], Tensor] = reconstruction_loss
    _networks: list[nn.Module] = field(default_factory=list)
    _optimisers: list[torch.optim.Optimizer] = field(default_factory=list)
    _taken: int = 0

    def __post_init__(self) -> None:
        for place in range(self.settings.count):
            network = self._fresh(place)
            self._networks.append(network)
            self._optimisers.append(self._optimiser(network))

    def adapt(self, poisoned_BChw: Tensor, images_BCHW: Tensor) -> None:
        """What the module makes of a batch, and the images on the same device -> each adversary has learnt from it."""
        restart = self.settings.restart
        if restart and self._taken and self._taken % restart == 0:
            place = (self._taken // restart - 1) % self.settings.count
            self._networks[place] = self._fresh(place)
            self._optimisers[place] = self._optimiser(self._networks[place])
        self._taken += 1
        given = poisoned_BChw.detach()
        for network, optimiser in zip(self._networks, self._optimisers, strict=True):
            network.requires_grad_(True)
            for _ in range(self.settings.steps):
                optimiser.zero_grad(set_to_none=True)
                with self.compute.autocast():
                    guesses = network(given)
                self.loss(images_BCHW, guesses.float()).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            network.requires_grad_(False)  # the module is moved by what they see; they are not

    def guesses(self, poisoned_BChw: Tensor) -> Sequence[Tensor]:
        """Poisoned features (B,C,h,w), with a way back to the module -> what each adversary makes of them, (B,3,H,W) each."""
        return [network(poisoned_BChw) for network in self._networks]

    def _fresh(self, place: int) -> nn.Module:
        kind, blocks = ARCHITECTURES[place % len(ARCHITECTURES)]
        with global_generator_from(self.rng):
            network = Reconstructor(self.features, self.side, kind, blocks)
        return self.compute.place_module(network).train()

    def _optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=self.settings.learning_rate, weight_decay=0.0)
