"""Days of images with boxes: a poisoned release of each day's maps and boxes, and a detector's decider refined on all that are kept."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import DataError, PolicyError
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.core.streams import stream
from dpm_flower.data.box_augmentation import flipped
from dpm_flower.metrics.box_precision import box_precision
from dpm_flower.nets.detection_nets import DetectionNets
from dpm_flower.payload.boxed_codec import decode_boxed, decode_boxed_each, encode_boxed
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import BoxedSpec
from dpm_flower.payload.rules import shown
from dpm_flower.payload.shard import Shard
from dpm_flower.regime.boxed_audit import ATTACKERS, SIGNABLE, boxed_audit
from dpm_flower.regime.boxed_study import BoxedStudy, passes
from dpm_flower.regime.day_learning import Words
from dpm_flower.regime.day_task import DayTask
from dpm_flower.regime.inbox_boxes import StayingBoxes, days_boxes
from dpm_flower.regime.kept_releases import take_kept
from dpm_flower.regime.outgoing import Outgoing, ready
from dpm_flower.regime.pooled_boxes import PooledBoxes
from dpm_flower.regime.site_policy import SitePolicy
from dpm_flower.training.detection import BoxedExamples, detections, through, train_detector
from dpm_flower.training.detection_poisoning import train_boxed_module
from dpm_flower.training.reconstruction import train_reconstructor

WORDS = Words(score="map50", unused="classes_only", wanted="with boxes")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxDays:
    """How all is trained, the names behind the class numbers, and the images that stay.

    Raw features and the module that hides them are in memory only. Source: training/continual/detection/replay.py.
    """

    study: BoxedStudy
    classes: tuple[str, ...]
    images: StayingBoxes

    @property
    def words(self) -> Words:
        """How the report speaks."""
        return WORDS

    def key_of(self, labels: Mapping[str, Any]) -> str | None:
        """The boxes, where the image was annotated; there may be none in it."""
        return json.dumps(labels["boxes"]) if "boxes" in labels else None

    def check(self, policy: SitePolicy) -> None:
        """Raises PolicyError for a policy by which nothing could ever be kept."""
        policy.check_method(self.study.method.name)
        policy.check_audit(ATTACKERS)
        if never := sorted(set(policy.most) - SIGNABLE):
            raise PolicyError(f"this site's policy limits scores that no release with boxes has, {shown(never)}")

    def check_networks(self) -> None:
        """Raises SettingError for a depth, a hook or a size that cannot be."""
        _assembled(self.study, len(self.classes))

    def opened(self, path: Path, changed_ns: int, compute: Compute) -> DetectionNets:
        """The networks of a file."""
        return _opened(path, changed_ns, self.study, len(self.classes), compute)

    def trained(self, task: DayTask) -> DetectionNets:
        """The images of the warm-up -> a detector, cut in two, and a reconstructor that undoes its first half on public images."""
        study, boxed = self.study, self._days_images(task)
        if not any(map(len, boxed.labels)):
            raise DataError(f"wanted a box in one of the {len(boxed)} images that the detector is trained on, got none")
        nets = DetectionNets.assemble(study.depth, study.hook, study.size, task.classes, task.stream("initialisation"))
        train_detector(
            nets.whole_network(),
            BoxedExamples.of(boxed),
            study.pretrain,
            compute=task.compute,
            rng=task.stream("detector"),
            work="detector",
            augment=flipped,
            report=task.report,
            checkpoint=task.site.checkpoint(task.campaign, "detector"),
        )
        train_reconstructor(
            nets.reconstructor,
            self._raw(nets, self.images.public.images, task.compute),
            self.images.public.images,
            study.reconstruct,
            compute=task.compute,
            rng=task.stream("reconstructor"),
            report=task.report,
            checkpoint=task.site.checkpoint(task.campaign, "reconstructor"),
        )
        return nets.frozen()

    def release(self, task: DayTask, nets: DetectionNets) -> None:
        """A day's images -> poisoned maps with their boxes, which stay in clear; the module is nobody's afterwards."""
        compute, boxed, spec = task.compute, self._days_images(task), self._spec(nets)
        method = self.study.method_for(len(boxed))
        raw, rng = self._raw(nets, boxed.images, compute), task.secret_stream("method", repr(method))
        module = method.fresh_module(nets.spec, rng)
        train_boxed_module(module, method, nets, boxed, raw, compute=compute, rng=rng, report=task.report)
        shared = SharedBoxes(through(module, raw, compute), boxed.boxes, boxed.labels)
        shards = encode_boxed(shared, spec, classes=task.classes)
        released = decode_boxed(shards, spec, classes=task.classes, samples=len(boxed))
        scores = boxed_audit(task, self.study, nets, self.images, boxed, released)
        pool = task.pool
        outgoing = Outgoing(method=method.name, sequence=task.number, spec=spec, samples=len(boxed), shards=shards, audit=scores)
        leaving = ready(outgoing, task, task.notary, task.policy, pool.audit_log.head)
        task.check_time()
        pool.publish(leaving.release, leaving.shards)

    def refine(self, task: DayTask, nets: DetectionNets, decider: nn.Module) -> int:
        """Kept maps and the raw ones of a day's images, each with boxes -> a refined decider."""
        boxed, spec = self._days_images(task), self._spec(nets)
        own = BoxedExamples.of(boxed, self._raw(nets, boxed.images, task.compute))
        with PooledBoxes(own, nets.spec, task.site.pooled(task.campaign, "kept")) as pooled:

            def take(manifest: Manifest, shards: Iterator[Shard]) -> None:
                pooled.take(decode_boxed_each(shards, spec, classes=task.classes, samples=manifest.samples))

            unread = take_kept(task, lambda _: spec, take)
            rng = task.stream("decider", task.campaign)
            decider.requires_grad_(True)
            examples, refine = pooled.examples, passes(self.study.refine, len(pooled.examples.labels))
            train_detector(decider, examples, refine, compute=task.compute, rng=rng, work="decider", report=task.report)
        return unread

    def judge(self, nets: DetectionNets, compute: Compute) -> Callable[[nn.Module], float]:
        """Mean average precision on the held-out images, of boxes that overlap the truth by half."""
        test = self.images.held_out
        features = self._raw(nets, test.images, compute)
        return lambda decider: box_precision(detections(decider, features, compute), test).map50

    def _spec(self, nets: DetectionNets) -> BoxedSpec:
        return BoxedSpec(features=nets.spec, size=self.study.size)

    def _raw(self, nets: DetectionNets, images_N3HW: Tensor, compute: Compute) -> Tensor:
        return through(nets.featurizer, images_N3HW, compute)

    def _days_images(self, task: DayTask) -> Boxed:
        task.check_time()
        return days_boxes(task.store, task.items, self.classes, self.study.size)


@functools.lru_cache(maxsize=1)  # each step of a day needs them, and cutting a detector takes time
def _opened(path: Path, changed_ns: int, study: BoxedStudy, classes: int, compute: Compute) -> DetectionNets:
    """`changed_ns` is part of the key, so that another file under the same name is another detector."""
    del changed_ns
    return _assembled(study, classes).loaded(load_file(path), compute)


def _assembled(study: BoxedStudy, classes: int) -> DetectionNets:
    return DetectionNets.assemble(study.depth, study.hook, study.size, classes, stream(0, "overwritten at once"))
