"""A site that learns to find things in images that come with VOC annotations: its days take a moment too."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from dpm_flower.attacks.boxed_peer import BoxedPeer
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import silent
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.regime.box_days import BoxDays
from dpm_flower.regime.boxed_study import boxed_study
from dpm_flower.regime.daily_work import DailyWork
from dpm_flower.regime.days_folder import DaysFolder
from dpm_flower.regime.inbox_boxes import StayingBoxes
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.training.checkpoint import write_tensors
from dpm_flower.training.prediction import apply
from tests.data.test_voc_xml import annotation, box
from tests.regime.examples import notary
from tests.regime.small_inbox import POLICY, png, put
from tests.training.cells import NAMES, SIZE, cells, detection_nets
from tests.training.toys import CPU

BOXED = 4  # images of a day
FEW = Fitting(steps=2, batch_size=2, learning_rate=1e-3, weight_decay=0.0)


def small_boxed_study(place):
    """What is done with a day's boxes, in two steps each."""
    return replace(
        boxed_study(place),
        method=DeepPoisoning(blocks=1, kind="basic", fitting=FEW),
        pretrain=FEW,
        reconstruct=FEW,
        refine=FEW,
        inverse=Inverse(blocks=1, fitting=FEW),
    )


def boxed_place(folder, **changes):
    """A section [inbox] for boxes."""
    height, width = SIZE
    if "warm_up" not in changes:
        changes["networks"] = folder / "nets.safetensors"
        if not changes["networks"].exists():
            write_tensors(changes["networks"], detection_nets().tensors())
    knobs = {"task": "detection", "backbone": "resnet8", "height": height, "width": width, "day_ends": "18:00", "grace_s": 0}
    return InboxPlace(**{"store": folder / "store", "classes": NAMES} | knobs | changes)


def staying_boxes():
    """Own images, those that are held out, and public ones."""
    return StayingBoxes(cells(4, seed=71), cells(3, seed=72), cells(4, seed=73))


def boxed_work(folder, clock, *, policy=POLICY, report=silent, **changes):
    """A site's work below a folder, opened anew, as a process does that starts."""
    place = boxed_place(folder, **changes)
    return DailyWork(
        place=place,
        entity="a",
        folder=DaysFolder(folder / "inbox-days"),
        store=RetentionStore.open(place.store, place.policy, clock),
        learning=BoxDays(study=small_boxed_study(place), classes=place.classes, images=staying_boxes()),
        notary=notary(),
        policy=policy,
        compute=CPU,
        report=report,
        secret_of=lambda _: "5e" * 32,
    )


def boxes_come(inbox, day, clock, count=BOXED, names=NAMES):
    """A day's images come, each beside its annotation."""
    found, (height, width) = days_cells(day, count), SIZE
    for number, (pixels, corners, labels) in enumerate(zip(as_bytes(found.images).numpy(), found.boxes, found.labels, strict=True)):
        boxes = [box(names[label], place) for label, place in zip(labels.tolist(), corners.tolist(), strict=True)]
        put(inbox, f"{day}-{number}.png", png(pixels), clock)
        put(inbox, f"{day}-{number}.xml", annotation(*boxes, size=(width, height)), clock)


def days_cells(day, count=BOXED):
    """The images of a day."""
    return cells(count, seed=100 + day)


def boxed_traces(folders, day):
    """Files in which a piece of an image of a day lies, as it came, or decoded to bytes or to numbers."""
    needles = []
    for pixels in as_bytes(days_cells(day).images).numpy():
        plane = np.ascontiguousarray(pixels[0])
        numbers = plane.astype(np.float32) / np.float32(255)
        needles += [png(pixels)[60:160], *(values.tobytes()[160:320] for values in (plane, numbers, numbers.astype(np.float16)))]
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in paths if any(needle in path.read_bytes() for needle in needles)]


class Remembering(nn.Module):
    """An attacker who has seen the very images: of whatever features, the image whose raw ones lie nearest."""

    def __init__(self, images):
        super().__init__()
        self.images, self.raw = images, apply(detection_nets().featurizer, images, CPU).flatten(1)

    def forward(self, features):
        return self.images[torch.cdist(features.flatten(1), self.raw).argmin(1)]


def with_peers_who_remember(monkeypatch, images):
    """From here on nobody is trained to attack features, and every peer has seen these images."""
    remembering = Remembering(images)
    monkeypatch.setattr(BoxedPeer, "undoing", lambda *_: remembering)
    monkeypatch.setattr(BoxedPeer, "shadow_inverse", lambda *_: remembering)
