"""Features of a frozen featurizer, computed once per set of images: in memory, or memory-mapped where they are large."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.whole_file import whole_file
from dpm_flower.training.prediction import BATCH, apply

MEMORY_BYTES = 1 << 30  # above this a set's features stay on disk and are mapped


class FeatureCache:
    """Images (N,3,H,W) -> features (N,C,h,w) by one frozen featurizer, kept in `folder` (an entity's own: they are private)."""

    def __init__(self, featurizer: nn.Module, compute: Compute, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._featurizer = compute.place_module(featurizer)
        self._compute = compute
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._identity = f"{tensors_digest(featurizer.state_dict())}\x1f{compute.device.type}\x1f{compute.mixed}"

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> features (N,C,h,w), float32 on the CPU. Raises OutputError where the folder cannot be written."""
        key = hashlib.sha256(f"{self._identity}\x1f{tensors_digest({'images': images})}".encode()).hexdigest()
        path = self._folder / f"{key}.npy"
        if not path.exists():
            self._compute_to(path, images)
        large = path.stat().st_size > self._memory_bytes
        # copy-on-write: torch wants a writable array, and nothing may change what was computed
        return torch.from_numpy(np.load(path, mmap_mode="c" if large else None, allow_pickle=False))

    def _compute_to(self, path: Path, images: Tensor) -> None:
        with whole_file(path, folder_mode=0o700) as partial:
            shape = tuple(apply(self._featurizer, images[:1], self._compute).shape[1:])
            rows = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=(len(images), *shape))
            for start in range(0, len(images), BATCH):
                rows[start : start + BATCH] = apply(self._featurizer, images[start : start + BATCH], self._compute).numpy()
            rows.flush()
