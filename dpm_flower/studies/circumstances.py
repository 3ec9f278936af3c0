"""What a reader must know beside a run's figures, read off the data and this machine."""

import datetime
import os
import platform
from importlib.metadata import version

import torch

from dpm_flower.core.compute import Compute
from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.study import Study
from dpm_flower.data.division import Division
from dpm_flower.federation.opening import division_of
from dpm_flower.studies.facts import Facts, Holding, TestSet

PACKAGES = ("dpm-flower", "flwr", "torch", "torchvision", "numpy", "pytorch-msssim")


def facts_of(study: Study, division: Division, wall_s: float, command: str) -> Facts:
    """A study, its images under the first seed, the seconds it took and what was typed -> the facts of this run."""
    classes, pieces = division.summary.class_names, division.summary.holdings
    held = {
        name: [each.counts for each in pieces if each.entity == name and each.piece in ("train", "validation")]
        for name in study.partition.names
    }
    public = next(each.counts for each in pieces if each.piece == "public")
    most = int(torch.bincount(division.test.labels).max())
    test = TestSet(len(division.test), most / len(division.test))
    return Facts(
        classes=classes,
        holdings=tuple(Holding(name, tuple(sum(column) for column in zip(*counts, strict=True))) for name, counts in held.items()),
        public=public,
        holdings_seed=study.seeds[0],
        tests=dict.fromkeys(study.partition.names, test),
        machine=machine(study),
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        wall_s=wall_s,
        command=command,
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        left_out=_left_out(study, division),
    )


def _left_out(study: Study, division: Division) -> dict[str, int]:
    """The training images that neither an entity nor the public part has, by reason; reasons that left out none are not named."""
    summary = division.summary
    reasons = {
        "held by nobody": sum(each.total for each in summary.holdings if each.piece == "unused"),
        "copies of training images": summary.repeats_in_train,
        "copies of test images": summary.repeats_of_test,
        f"of a {study.partition.together} that is in the test set": summary.together_with_test,
    }
    return {reason: number for reason, number in reasons.items() if number}


def circumstances_of(study: Study) -> str:
    """A study -> what its figures depend on beside its settings: the images, the device and precision, this package's version."""
    division = division_of(study.data, study.side, study.partition, study.seeds[0])
    held = {f"{name} {part}": getattr(own, part) for name, own in division.entities.indices.items() for part in ("train", "validation")}
    images = tensors_digest({"test": division.test.images, "public": division.public.images} | held)
    compute = Compute.choose(study.device, study.precision)
    return "\x1f".join([images, str(compute), version("dpm-flower"), version("torch")])


def machine(study: Study) -> dict[str, str]:
    """What this machine computes with, in words."""
    compute = Compute.choose(study.device, study.precision)
    device = torch.cuda.get_device_name(compute.device) if compute.device.type == "cuda" else _processor()
    return {
        "device": device,
        "precision": "bfloat16 (losses in float32)" if compute.mixed else "float32",
        "CPU cores": str(os.cpu_count()),
        "threads per client": str(study.threads),
        "threads of the pre-training": str(study.lead_threads),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "CPU"
