"""Features of a frozen featurizer, computed once per set of images: in memory, or memory-mapped where they are large."""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import OutputError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.training.feature_file import read_features, write_features
from dpm_flower.training.known_digests import KnownDigests
from dpm_flower.training.prediction import BATCH, apply
from dpm_flower.training.private_folder import make_private

MEMORY_BYTES = 1 << 30  # above this a set's features stay on disk and are mapped
LEFT_BEHIND = re.compile(r"\.[0-9a-f]{64}\.npy\.[0-9a-f]+\.partial")
LEFT_BEHIND_S = 3600.0  # a writer adds a batch every few seconds; what is older was left by one that was killed

_digest_of = KnownDigests()  # of this process: a cache is opened for every message, on images that stay the same


class FeatureCache:
    """Images (N,3,H,W) -> features (N,C,h,w) by one frozen featurizer, kept in `folder` (an entity's own: they are private).

    Opening removes what killed processes have left half written. A file that is damaged is made anew.
    """

    def __init__(self, featurizer: nn.Module, compute: Compute, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self._featurizer = compute.place_module(featurizer)
        self._compute = compute
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._identity = f"{tensors_digest(featurizer.state_dict())}\x1f{compute.device.type}\x1f{compute.mixed}"
        _sweep(folder)

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N,3,H,W) -> features (N,C,h,w), float32 on the CPU. Raises OutputError where the folder cannot be used.

        Features by another number of torch's threads are others, and kept apart: their last digits differ.
        """
        identity = f"{self._identity}\x1f{torch.get_num_threads()}\x1f{_digest_of(images)}"
        path = self._folder / f"{hashlib.sha256(identity.encode()).hexdigest()}.npy"
        try:
            features = read_features(path, self._memory_bytes)
            if features is None:
                path.unlink(missing_ok=True)  # damaged: the disk may need the room
                self._compute_to(path, images)
                features = read_features(path, self._memory_bytes)
        except OSError as err:
            raise OutputError(f"cannot write or read features in {self._folder}: {err}") from err
        if features is None:
            raise OutputError(f"wanted {path} as it was just written, got something else: the disk may be failing")
        return features

    def _compute_to(self, path: Path, images: Tensor) -> None:
        make_private(self._folder)
        with whole_file(path) as partial:
            shape = apply(self._featurizer, images[:1], self._compute).shape[1:]
            write_features(partial, (len(images), *shape), self._batches(images))

    def _batches(self, images: Tensor) -> Iterator[Tensor]:
        for batch in torch.split(images, BATCH):
            yield apply(self._featurizer, batch, self._compute)


def _sweep(folder: Path) -> None:
    """Removes parts that nobody has written to for long; what cannot be looked at or removed stays."""
    with suppress(OSError):
        for file in folder.iterdir():
            with suppress(OSError):
                if LEFT_BEHIND.fullmatch(file.name) and time.time() - file.stat().st_mtime > LEFT_BEHIND_S:
                    file.unlink()
