"""Weights to start from: a backbone and what a study names as its weights -> the backbone holds them."""

import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dpm_flower.core.errors import DataError, ReleaseError, SettingError, ShapeError
from dpm_flower.core.weights import IMAGENET
from dpm_flower.nets.backbones import published_weights
from dpm_flower.nets.strict_state import overwrite

COUNT = "num_batches_tracked"  # files from before torch 0.4.1 have none, and VGG's and DenseNet's published ones are as old
# DenseNet's published files call "denselayer1.norm1" what torch allowed when they were made, "denselayer1.norm.1".
DENSE_LAYER = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
HASH = re.compile(r"-([a-f0-9]{8,})\.")  # torchvision's files carry the beginning of their SHA-256 in their names


def load_weights(backbone: nn.Module, name: str, weights: str) -> None:
    """A backbone, its name, and "imagenet" or the path of a .safetensors or .pth state dict -> the backbone holds these weights.

    "imagenet" are torchvision's default weights, downloaded into torch's own cache unless they lie there. The classifier keeps
    its fresh weights where the file's has another number of classes; everything else has to fit. Raises SettingError for weights
    of another network, naming the first tensor that does not fit, and for "imagenet" where torchvision publishes none;
    DataError for a file that is missing or damaged, or that cannot be downloaded.
    """
    path = _published_file(name) if weights == IMAGENET else Path(weights).expanduser()
    own = backbone.state_dict()
    given = {DENSE_LAYER.sub(r"\1\2", key): tensor for key, tensor in _read(path).items()}
    given |= {key: tensor for key, tensor in own.items() if key.endswith(COUNT) and key not in given}
    try:
        overwrite(own, given | _fresh_classifier(backbone, own, given))
    except (ReleaseError, ShapeError) as err:
        raise SettingError(f"the weights in {path} are not those of the backbone {name!r}: {err}") from err


def _fresh_classifier(backbone: nn.Module, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The own classifier's tensors, to take the place of the file's if that one tells apart another number of classes; else none."""
    name = [name for name, module in backbone.named_modules() if isinstance(module, nn.Linear)][-1]
    weight, bias = f"{name}.weight", f"{name}.bias"
    if not {weight, bias} <= given.keys():
        return {}
    classes = len(own[bias])
    theirs = given[bias].numel()
    reads_the_same = given[weight].shape == (theirs, own[weight].shape[1])
    return {weight: own[weight], bias: own[bias]} if theirs != classes and reads_the_same else {}


def _read(path: Path) -> dict[str, Tensor]:
    """A .safetensors or .pth file -> its tensors by name. Nothing but tensors is unpickled. Raises DataError."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as err:  # both readers fail on a damaged file in many ways of their own
        raise DataError(f"wanted a state dict in {path}, got {type(err).__name__}: {err}") from err
    if not isinstance(state, Mapping):
        raise DataError(f"wanted tensors by name in {path}, got an object of type {type(state).__name__}")
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise DataError(f"wanted tensors by name in {path}, got {key!r} of type {type(value).__name__}")
    return dict(state)


def _published_file(name: str) -> Path:
    """A backbone's name -> torchvision's file for it in torch's cache, downloaded and checked by its hash if it was not there."""
    url = published_weights(name)
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if path.exists():
        return path
    prefix = HASH.search(path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), prefix.group(1) if prefix else None, progress=False)
    except (OSError, RuntimeError, HTTPException) as err:
        raise DataError(f"wanted {url}, got {type(err).__name__}: {err}. Fetch that file on another machine and put it at {path}") from err
    return path
