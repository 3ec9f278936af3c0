"""An attacker's network that is trained once: from its folder where it lies there, trained and put there where not."""

import math
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import DpmFlowerError, OutputError, TrainingError
from dpm_flower.nets.strict_state import overwrite
from dpm_flower.training.checkpoint import write_tensors

WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.safetensors"


def trained_once(module: nn.Module, folder: Path, train: Callable[[Path], object]) -> None:
    """An untrained module and its folder -> the module trained, frozen and in evaluation mode; its weights in the folder.

    `train` trains the module and continues from the checkpoint at the path that it is given, so that whoever was killed half-way
    goes on from there. Of several processes that ask at once, one trains and the others wait for its weights. Raises TrainingError
    for kept weights that are damaged or another network's, OutputError where the folder cannot be written.
    """
    path = folder / WEIGHTS
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(f"cannot write {path}: {err}") from err
    with alone_in(folder, wait_s=math.inf):
        if path.exists():
            _read(module, path)
        else:
            train(folder / CHECKPOINT)
            write_tensors(path, module.state_dict())
    module.eval().requires_grad_(False)


def _read(module: nn.Module, path: Path) -> None:
    try:
        overwrite(module.state_dict(), load_file(path))
    except (OSError, SafetensorError, DpmFlowerError) as err:
        raise TrainingError(f"the weights {path} do not fit the attacker that they were kept for: {err}; remove them") from err
