"""Federated averaging of the entities' segmenters: what an entity's photographs get of a U-Net that all of them trained."""

import copy
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.nets.strict_state import overwrite
from dpm_flower.nets.unet import UNet
from dpm_flower.regime.round import FIRST_ROUND, Round, round_fitting
from dpm_flower.studies.trials.averaged_rounds import averaged
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.studies.trials.segmentation import USUAL, USUAL_CUT
from dpm_flower.studies.trials.segmentation_scene import Cut, Scene
from dpm_flower.studies.trials.segmenter import SegmenterRecipe, judged
from dpm_flower.training.segmentation import train_segmenter


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedSegmenter:
    """Each entity takes the steps of a training alone on its own pairs, `rounds` shares of them, and after each the weights are averaged.

    Nothing else leaves an entity, and nothing of what does is looked at here: see `simulations.updates` for what updates tell. Source:
    arXiv 1602.05629, algorithm 1, with AdamW for SGD. Raises SettingError for fewer rounds than one.
    """

    name: str
    receiver: str
    rounds: int = 10
    cut: Cut = USUAL_CUT
    segmenter: SegmenterRecipe = USUAL

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise SettingError(f"rounds must be at least 1, got {self.rounds}")

    def run(self, ground: Ground) -> Found:
        """Everything from the archive to F1 and AUC on the receiver's own test photographs; trained once for all receivers."""
        scene = Scene.of(ground, self.cut)
        entity, shared = scene.entity(self.receiver), self.segmenter.fresh(ground.stream("segmenter"))
        folder = ground.common / kept_as("averaged", f"{self.segmenter!r} {self.cut!r} {self.rounds}")

        def train(checkpoint: Path) -> None:
            del checkpoint  # rounds are short
            self._train(shared, scene)

        trained_once(shared, folder, train, ground.compute)
        figures = judged(shared, entity.held_out, entity.test, ground)
        sent = self.rounds * sum(_bytes(tensor) for tensor in shared.state_dict().values())
        return Found(figures | {"received_bytes": float(sent), "trained_on": float(sum(len(each.own) for each in scene.entities.values()))})

    def _train(self, shared: UNet, scene: Scene) -> None:
        ground = scene.ground
        for number in range(FIRST_ROUND, FIRST_ROUND + self.rounds):
            updates = []
            for name, entity in scene.entities.items():
                local = copy.deepcopy(shared)
                share = round_fitting(self.segmenter.fitting, Round(number, self.rounds), len(entity.own))
                if share is not None:
                    train_segmenter(
                        local,
                        entity.own.images,
                        entity.own.masks,
                        share.fitting,
                        compute=ground.compute,
                        rng=ground.stream("averaging", name, str(number)),
                        dice=self.segmenter.dice,
                        report=ground.report,
                        stretch=share.stretch,
                    )
                updates.append(ModelUpdate({key: value.cpu() for key, value in local.state_dict().items()}, len(entity.own)))
            overwrite(shared.state_dict(), averaged(updates))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
