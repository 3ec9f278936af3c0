"""What a reader must know beside a run's figures, read off the data and this machine."""

import datetime
import hashlib
import os
import platform
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.study import Study
from dpm_flower.core.weights import STATE_DICTS
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.division import Division
from dpm_flower.data.file_tree import state_of
from dpm_flower.data.source_name import SourceName
from dpm_flower.data.sources import load_to_divide
from dpm_flower.federation.opening import division_of
from dpm_flower.federation.presence import Present
from dpm_flower.studies.facts import Facts, Holding, TestSet

READ_WHOLE_BYTES = 4 << 30  # of pixels: seconds; of more than that the files' names, sizes and times stand for the content
PACKAGES = ("dpm-flower", "flwr", "torch", "torchvision", "numpy", "pytorch-msssim")


def facts_of(study: Study, division: Division, wall_s: float, command: str, present: Present | None = None) -> Facts:
    """A study, its images under the first seed, the seconds it took, what was typed and who was there -> the facts of this run."""
    classes, pieces = division.summary.class_names, division.summary.holdings
    apart = present.judged_apart if present else {}
    brought = {name: present.images[study.seeds[0]][name] for name in apart} if present else {}
    held = {
        name: [each.counts for each in pieces if each.entity == name and each.piece in ("train", "validation")]
        for name in study.partition.names
        if name not in apart
    }
    public = next(each.counts for each in pieces if each.piece == "public")
    most = int(torch.bincount(division.test.labels).max())
    test = TestSet(len(division.test), most / len(division.test))
    return Facts(
        classes=classes,
        holdings=tuple(Holding(name, tuple(sum(column) for column in zip(*counts, strict=True))) for name, counts in held.items()),
        public=public,
        holdings_seed=study.seeds[0],
        tests=dict.fromkeys(study.partition.names, test) | {name: TestSet(own.images, own.trivial) for name, own in apart.items()},
        machine=machine_of(Compute.choose(study.device, study.precision))
        | {"threads per client": str(study.threads), "threads of the pre-training": str(study.lead_threads)},
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        wall_s=wall_s,
        command=command,
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        brought=brought,
        left_out=_left_out(study, division, brought),
        notes=division.summary.notes
        + tuple(
            f"{name} brought {brought[name]:,} training and {test.images:,} test images of its own, which are not drawn"
            for name, test in apart.items()
        ),
    )


def _left_out(study: Study, division: Division, brought: Collection[str]) -> dict[str, int]:
    """The training images that neither an entity nor the public part has, by reason; reasons that left out none are not named."""
    summary = division.summary
    reasons = {
        "held by nobody": sum(each.total for each in summary.holdings if each.piece == "unused" or each.entity in brought),
        "copies of training images": summary.repeats_in_train,
        "copies of test images": summary.repeats_of_test,
        f"of a {study.partition.together} that is in the test set": summary.together_with_test,
    }
    return {reason: number for reason, number in reasons.items() if number}


def circumstances_of(study: Study) -> str:
    """A study -> what its figures depend on beside its settings: images and labels, who holds them, the weights' file, this machine.

    Every training and test image with its label counts, also those that a seed gives to nobody; who holds what is that of seed 0,
    whatever the study's seeds are, for it stands for the code that divides. Raises DataError where the data cannot be read.
    """
    division = division_of(study.data, study.side, study.partition, 0)
    held = {f"{name} {part}": getattr(own, part) for name, own in division.entities.indices.items() for part in ("train", "validation")}
    compute = Compute.choose(study.device, study.precision)
    data = _data_digest(study.data, load_to_divide(study.data, study.side))
    return "\x1f".join([data, tensors_digest(held), _weights_digest(study.weights), str(compute), version("dpm-flower"), version("torch")])


def _data_digest(data: str, dataset: DataSet) -> str:
    """What a study names as its data, and the data set -> one digest of its images, labels, classes and columns."""
    parts: dict[str, Labelled] = {"train": dataset.train, "test": dataset.test}
    words = [*dataset.class_names, *(name for column in dataset.columns.values() for name in (*column.train, *column.test))]
    tensors = {f"{name} labels": part.labels for name, part in parts.items()}
    tensors |= {f"{name} attributes": part.attributes for name, part in parts.items() if part.attributes is not None}
    if sum(part.images.nbytes for part in parts.values()) <= READ_WHOLE_BYTES:
        tensors |= {f"{name} images": part.images for name, part in parts.items()}
    else:
        source = SourceName.parse(data)
        words += [state_of(each.path) for each in (source, source.public) if each is not None]
    return hashlib.sha256("\x1f".join([tensors_digest(tensors), *words]).encode(errors="backslashreplace")).hexdigest()


def _weights_digest(weights: str) -> str:
    """What a study names as its weights -> the digest of their file; what is no file, or none on this machine, is its name.

    torchvision's files are known by their names, which hold their hashes; a server need not have the file that its lead starts from.
    """
    path = Path(weights)
    if path.suffix not in STATE_DICTS:
        return weights
    try:
        with path.expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, RuntimeError):
        return weights


def machine_of(compute: Compute) -> dict[str, str]:
    """What this machine computes with, in words."""
    return {
        "device": torch.cuda.get_device_name(compute.device) if compute.device.type == "cuda" else _processor(),
        "precision": "bfloat16 (losses in float32)" if compute.mixed else "float32",
        "CPU cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "CPU"
