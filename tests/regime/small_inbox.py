"""A site whose days take a moment: images that come to a folder, a clock that tests set, and a look for what should be gone."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.progress import silent
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.regime import class_days, pretrain
from dpm_flower.regime.class_days import ClassDays, inbox_study
from dpm_flower.regime.daily_work import DailyWork
from dpm_flower.regime.day import close_day, open_day, take_in_files
from dpm_flower.regime.days_folder import DaysFolder
from dpm_flower.regime.inbox_images import StayingImages
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.training.checkpoint import write_tensors
from tests.data.retention.fakes import DAY
from tests.regime.examples import notary
from tests.training.toys import CPU, SIDE, pictures, public_nets

IMAGES = 9
CLASSES = ("ape", "bee", "cat")
FEW = Fitting(steps=4, batch_size=8, learning_rate=1e-2)
POLICY = SitePolicy(methods=("deep-poisoning",), confidential=False)


def small_study(place, entity="a"):
    """The study of an inbox, with few steps and nobody asked but the public reconstructor."""
    method = DeepPoisoning(blocks=1, fitting=FEW)
    arms = (SharingArm(name="kept", method=method),)
    return replace(inbox_study(place, entity), arms=arms, attacks=(), pretrain=FEW, reconstruct=FEW, refine=FEW, pictures=2)


def networks_file(folder):
    """The tensors of public networks, as a lead's broadcast has them."""
    path = folder / "nets.safetensors"
    if not path.exists():
        study = small_study(InboxPlace(store=folder, classes=CLASSES, side=SIDE, networks=path))
        write_tensors(path, class_days._assembled(study, len(CLASSES)).frozen().tensors())
    return path


def with_small_networks(monkeypatch, tiny=public_nets):
    """From here on the networks of every site are tiny ones."""

    def fresh(*_):
        nets = tiny()
        for part in (nets.featurizer, nets.decider, nets.reconstructor):
            part.requires_grad_(True)
        return nets

    monkeypatch.setattr(class_days, "_assembled", fresh)
    monkeypatch.setattr(pretrain, "fresh_nets", fresh)


def small_work(folder, clock, *, policy=POLICY, report=silent, secret="5e" * 32, **changes):
    """A site's work below a folder, opened anew, as a process does that starts."""
    if "warm_up" not in changes:
        changes["networks"] = networks_file(folder)
    place = InboxPlace(**{"store": folder / "store", "classes": CLASSES, "side": SIDE, "day_ends": "18:00", "grace_s": 0} | changes)
    return DailyWork(
        place=place,
        folder=DaysFolder(folder / "inbox-days"),
        store=RetentionStore.open(place.store, place.policy, clock),
        entity="a",
        learning=ClassDays(
            study=small_study(place),
            classes=place.classes,
            images=StayingImages(*(pictures(count, seed, SIDE) for count, seed in ((9, 71), (12, 72), (9, 73)))),
        ),
        notary=notary(),
        policy=policy,
        compute=CPU,
        report=report,
        secret_of=lambda _: secret,
    )


def came_when_touched(path):
    """Takes the place of `came_at` where tests say when a file came."""
    return int(path.lstat().st_mtime)


def put(inbox, name, content, clock):
    """A file comes to the inbox at the clock's time."""
    path = inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (clock.wall_s, clock.wall_s))


def days_pixels(day, count=IMAGES):
    """The images (N,3,12,12) of a day and their class numbers."""
    found = pictures(count, seed=100 + day, side=SIDE)
    return as_bytes(found.images).numpy(), found.labels.tolist()


def png(pixels_CHW):
    buffer = io.BytesIO()
    Image.fromarray(pixels_CHW.transpose(1, 2, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def images_come(inbox, day, clock, count=IMAGES):
    """A day's images come, each in the folder of its class."""
    for number, (pixels, label) in enumerate(zip(*days_pixels(day, count), strict=True)):
        put(inbox, f"{CLASSES[label]}/{day}-{number}.png", png(pixels), clock)


def traces(folders, day):
    """Files of whatever name in which a piece of an image of a day lies, as it came, or decoded to bytes or to numbers."""
    found, needles = [], []
    for pixels in days_pixels(day)[0]:
        plane = np.ascontiguousarray(pixels[0])
        numbers = plane.astype(np.float32) / np.float32(255)
        needles += [png(pixels)[60:100], *(values.tobytes()[64:160] for values in (plane, numbers, numbers.astype(np.float16)))]
    for folder in folders:
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names):
                content = path.read_bytes()
                found += [path] if any(needle in content for needle in needles) else []
    return found


def run_day(work, inbox, clock, told=lambda *_: None):
    """The files that are there are taken in, the day ends if it has not, and is worked on -> its line."""
    days = work.begin()
    if days.day is None:
        take_in_files(work, days, inbox, told)
        if (end := work.place.last_end(int(clock.wall_s))) <= days.ended_at:
            return None
        days = open_day(work, days, end)
    return close_day(work, days)[1]


def next_day(clock):
    """The clock goes on to an hour before the same day's end, or the next one's."""
    clock.advance((17 * 3600 - clock.wall_s) % DAY)


def evening(clock):
    """The clock goes on to the day's end."""
    clock.advance((18 * 3600 - clock.wall_s) % DAY)


def read_days(path):
    """The report -> its lines, the first day's first; none where there is no file."""
    return [json.loads(line) for line in path.read_bytes().rpartition(b"\n")[0].splitlines()] if path.exists() else []
