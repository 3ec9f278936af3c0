"""An attacker's network that is trained once: from its folder where it lies there, trained and put there where not."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from dpm_flower.core.alone import alone_in
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import DpmFlowerError, OutputError, TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report
from dpm_flower.nets.strict_state import overwrite
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.row_store import Rows

WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.safetensors"

Network = TypeVar("Network", bound=nn.Module)


def trained_once(module: Network, folder: Path, train: Callable[[Path], object], compute: Compute) -> Network:
    """An untrained module and its folder -> the module itself, trained, frozen, in evaluation mode and placed; its weights in the folder.

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
    compute.place_module(module)
    return module


def reconstructor_once(
    network: Network,
    folder: Path,
    examples: Callable[[], tuple[Rows, Tensor]],
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report,
) -> Network:
    """As `trained_once`, of a network from features or other rows (N,...) back to images (N,3,H,W).

    `examples` gives both, and is called only if there is something to train.
    """

    def train(checkpoint: Path) -> None:
        given, images = examples()
        train_reconstructor(network, given, images, fitting, compute=compute, rng=rng, report=report, checkpoint=checkpoint)

    return trained_once(network, folder, train, compute)


def _read(module: nn.Module, path: Path) -> None:
    try:
        overwrite(module.state_dict(), load_file(path))
    except (OSError, SafetensorError, DpmFlowerError) as err:
        raise TrainingError(f"the weights {path} do not fit the attacker that they were kept for: {err}; remove them") from err
