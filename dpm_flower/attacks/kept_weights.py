"""An attacker's network that is trained once: from its folder where it lies there, trained and put there where not."""

from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dpm_flower.core.errors import DpmFlowerError, TrainingError
from dpm_flower.nets.strict_state import overwrite
from dpm_flower.training.checkpoint import write_tensors

WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.safetensors"


def trained_once(module: nn.Module, folder: Path, train: Callable[[Path], object]) -> None:
    """An untrained module and its folder -> the module trained, frozen and in evaluation mode; its weights in the folder.

    `train` trains the module and continues from the checkpoint at the path that it is given, so that whoever was killed half-way
    goes on from there. Raises TrainingError for kept weights that are damaged or another network's.
    """
    path = folder / WEIGHTS
    if path.exists():
        try:
            overwrite(module.state_dict(), load_file(path))
        except (OSError, SafetensorError, DpmFlowerError) as err:
            raise TrainingError(f"the weights {path} do not fit the attacker that they were kept for: {err}; remove them") from err
    else:
        train(folder / CHECKPOINT)
        write_tensors(path, module.state_dict())
    module.eval().requires_grad_(False)
