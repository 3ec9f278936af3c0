"""Whether a site's own images can be found and counted, are of classes that it knows, and leave some to be judged on."""

import torch

from dpm_flower.apps.doctor.finding import Finding, skipped
from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_sources import listed_boxed
from dpm_flower.data.image_folder import HELD_OUT as ONE_IN
from dpm_flower.data.own_images import study_numbers
from dpm_flower.data.sources import described
from dpm_flower.data.undecoded import Undecoded
from dpm_flower.regime.inbox_place import DETECTION
from dpm_flower.regime.site_file import SiteFile

IMAGES, CLASSES, HELD_OUT, PUBLIC = "own images", "own images' classes", "own held-out images", "public images"
MOST_NAMED = 10  # classes in a line


def data_findings(site: SiteFile, now: int) -> list[Finding]:  # noqa: ARG001  # images have no dates
    """A site -> what the loader says of its images before it decodes any: that would take minutes."""
    place = site.data
    if place is None:
        return [Finding(IMAGES, "ok", "the site file names none: a rehearsal, on this site's part of the study's images")]
    if site.inbox is not None and site.inbox.task == DETECTION:
        return [_boxed(IMAGES, place.images, site.inbox.classes), _boxed(PUBLIC, place.public, ())]
    public = [_public(place.public)] if place.public else []
    try:
        found = described(place.images)
    except DataError as err:
        lost = Finding(IMAGES, "wrong", str(err), "mend what it says, or name other images in the site file's [data]")
        return [lost, *(skipped(check, "the images could not be looked through", IMAGES) for check in (CLASSES, HELD_OUT)), *public]
    return [_counted(found), _classes(found, place.classes), _held_out(found), *public]


def _counted(found: Undecoded) -> Finding:
    labels = torch.cat((found.train.labels, found.test.labels)).long()  # of no labels at all, torch makes floats
    counts = torch.bincount(labels, minlength=len(found.class_names)).tolist()
    each = [f"{name} {count:,}" for name, count in zip(found.class_names, counts, strict=True)]
    more = [f"and {len(each) - MOST_NAMED} more classes"] if len(each) > MOST_NAMED else []
    return Finding(IMAGES, "ok", f"{len(labels):,} in {found.name}: {', '.join(each[:MOST_NAMED] + more)}; none was decoded here")


def _classes(found: Undecoded, names: tuple[str, ...]) -> Finding:
    if not names:
        return Finding(CLASSES, "ok", "the site file has no names for the study's classes: each study compares them with its own")
    try:
        study_numbers(found, names)
    except DataError as err:
        return Finding(CLASSES, "wrong", str(err), "name all of them as `classes` in the site file's [data], in the study's order")
    return Finding(CLASSES, "ok", f"all are among the {len(names)} that the site file names")


def _held_out(found: Undecoded) -> Finding:
    number = len(found.test.labels)
    if not number:
        wanted = f"wanted at least one, got none of {len(found.train.labels)} images"
        return Finding(HELD_OUT, "wrong", wanted, f"add images: without a test part, one in {ONE_IN} different ones is held out")
    if found.held_out_by is None:
        return Finding(HELD_OUT, "ok", f"{number:,}, the test part of the images")
    return Finding(HELD_OUT, "ok", f"one image in {ONE_IN}, about {number:,}: the images have no test part")


def _public(data: str) -> Finding:
    try:
        found = described(data)
    except DataError as err:
        return Finding(PUBLIC, "wrong", str(err), "mend what it says, or name others as `public` in the site file's [data]")
    return Finding(PUBLIC, "ok", f"{len(found.train.labels) + len(found.test.labels):,} in {found.name}")


def _boxed(check: str, data: str, classes: tuple[str, ...]) -> Finding:
    """Images with boxes, which an inbox wants: own ones of its classes, public ones of any."""
    try:
        parts, found = listed_boxed(data)
    except DataError as err:
        return Finding(check, "wrong", str(err), "mend what it says, or name other images with boxes in the site file's [data]")
    counts = ", ".join(f"{part} {number:,}" for part, number in parts.items())
    if classes and (strange := [name for name in found if name not in classes]):
        wanted = f"wanted boxes of the inbox's classes, {', '.join(classes)}, got also {', '.join(strange[:MOST_NAMED])}"
        return Finding(check, "warning", wanted, "name all classes that have boxes as `classes` in the site file's [inbox]")
    return Finding(check, "ok", f"{parts.total():,} with boxes in {data}: {counts}")
