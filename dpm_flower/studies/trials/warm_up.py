"""The networks that all learners begin with: trained once for all trials under a seed."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.comparison import Ground
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.studies.trials.days import Stream
from dpm_flower.training.known_digests import KnownDigests
from dpm_flower.training.prediction import apply
from dpm_flower.training.reconstruction import train_reconstructor
from dpm_flower.training.supervised import Examples, train_classifier

_digest_of = KnownDigests()


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """A `backbone` is trained on the warm-up images and cut at a `hook`; a reconstructor learns on public images to undo its first half."""

    backbone: str = "resnet20"
    hook: str = "conv3_1"
    fitting: Fitting = Fitting(steps=500, learning_rate=1e-2)
    augment: Augmentation = "shift-flip"
    reconstruct: Fitting = Fitting(steps=400, learning_rate=3e-3, weight_decay=0.0)

    def networks(self, stream: Stream, ground: Ground) -> PublicNets:
        """A stream of days -> the networks, frozen; from what all trials under this seed share where one has trained them already."""
        side = stream.warm_up.images.shape[-1]
        nets = PublicNets.assemble(self.backbone, self.hook, side, stream.warm_up.classes, ground.stream("networks"))
        parts = OrderedDict[str, nn.Module](featurizer=nets.featurizer, decider=nets.decider, reconstructor=nets.reconstructor)

        def train(_: Path) -> None:
            train_classifier(
                nets.whole_network(),
                Examples(stream.warm_up.images, stream.warm_up.labels),
                self.fitting,
                compute=ground.compute,
                rng=ground.stream("warm-up"),
                work="warm-up",
                augment=self.augment,
                report=ground.report,
            )
            train_reconstructor(
                nets.reconstructor,
                apply(nets.featurizer, stream.public.images, ground.compute),
                stream.public.images,
                self.reconstruct,
                compute=ground.compute,
                rng=ground.stream("reconstructor"),
                report=ground.report,
            )

        known = f"{self!r}\x1f{_digest_of(stream.warm_up.images)}\x1f{_digest_of(stream.public.images)}"
        place = ground.common / f"warm-up-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
        trained_once(nn.Sequential(parts), place, train, ground.compute)
        return nets.frozen()
