"""Training state on disk, whole or not at all: a killed process goes on from its last epoch, to the same weights."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dpm_flower.core.errors import OutputError, TrainingError
from dpm_flower.core.named_tensors import below
from dpm_flower.core.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class Position:
    """Where training stands at the end of an epoch; `training` says of what: its images and settings."""

    training: str
    step: int
    best_score: float
    best_epoch: int


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Named tensors -> one safetensors file that its owner alone may read, replaced in one step. Raises OutputError where it cannot be."""
    # copies, since safetensors refuses tensors that share memory, as tied weights do
    own = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    with whole_file(path) as partial:
        partial.touch(0o600)  # among them are secret modules and own images
        try:
            save_file(own, partial, metadata)
        except SafetensorError as err:
            raise OutputError(f"cannot write {path}: {err}") from err


def save_checkpoint(
    path: Path, modules: Sequence[nn.Module], best: dict[str, Tensor], optimiser: torch.optim.Optimizer, rng: torch.Generator, at: Position
) -> None:
    """Weights, best weights so far, optimiser moments, random stream and position -> `path`, in one step."""
    tensors = {f"module.{name}": value for name, value in named_state(modules).items()} | {f"best.{n}": v for n, v in best.items()}
    state = optimiser.state_dict()
    for index, moments in state["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    tensors["rng"] = rng.get_state()
    rates = [{k: v for k, v in group.items() if k != "params"} for group in state["param_groups"]]
    write_tensors(path, tensors, {"position": json.dumps({**asdict(at), "groups": rates})})


def load_checkpoint(
    path: Path, modules: Sequence[nn.Module], optimiser: torch.optim.Optimizer, rng: torch.Generator, training: str
) -> tuple[Position, dict[str, Tensor]]:
    """`path` -> position and best weights; modules, optimiser and random stream continue from there.

    Raises TrainingError if the file is damaged or belongs to another network or another `training`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            saved = json.loads((file.metadata() or {})["position"])
        groups = saved.pop("groups")
        at = Position(**saved)
        if at.training != training:
            raise TrainingError(f"the checkpoint {path} is one of {at.training}, wanted one of {training}; remove it to start anew")
        for index, module in enumerate(modules):
            module.load_state_dict(below(tensors, f"module.{index}."))
        state = optimiser.state_dict()
        state["state"] = {
            i: moments
            for i in range(sum(len(g["params"]) for g in state["param_groups"]))
            if (moments := below(tensors, f"optimiser.{i}."))
        }
        for group, rates in zip(state["param_groups"], groups, strict=True):
            group.update(rates)
        optimiser.load_state_dict(state)
        rng.set_state(tensors["rng"])
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as err:
        raise TrainingError(f"the checkpoint {path} does not fit the training that it should continue: {err}") from err
    return at, below(tensors, "best.")


def named_state(modules: Sequence[nn.Module]) -> dict[str, Tensor]:
    """Modules -> all their weights and buffers by "number.name"."""
    return {f"{index}.{name}": value for index, module in enumerate(modules) for name, value in module.state_dict().items()}
