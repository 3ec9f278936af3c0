"""Who seals and who verifies at one entity: the door between the regime and the payload's trust."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never

from dpm_flower.core.errors import OutputError, ReleaseError
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.exchange import layout
from dpm_flower.payload.envelope import Envelope
from dpm_flower.payload.hpke_keys import HpkeKeys
from dpm_flower.payload.manifest import Manifest
from dpm_flower.payload.released_spec import ImageSpec, LabelledSpec, ReleasedSpec
from dpm_flower.payload.verification import MAX_RELEASE_BYTES, Expectation, ReleaseId, ReplayMemory, Sealer, Verifier
from dpm_flower.payload.verified import VerifiedRelease
from dpm_flower.regime.site import Site

LIFETIME_S = 30 * 24 * 3600  # a campaign takes hours; a month leaves room for one that waits for a site


class Reader(Protocol):
    """Who reads a release: in which campaign, under which name, with labels of how many classes, and in which folder of its own."""

    @property
    def campaign(self) -> str:
        """What the release is to be part of."""
        ...

    @property
    def entity(self) -> str:
        """The reader's name."""
        ...

    @property
    def classes(self) -> int:
        """The number of classes of its task."""
        ...

    @property
    def site(self) -> Site:
        """Where its files lie."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Notary:
    """One entity's sealer and verifier, and what it has seen before (to notice replays).

    `hpke` are the keys under which confidential releases reach it. `recipients` gives the names and public HPKE keys of those for
    whom its own releases are encrypted, itself among them; without it they are not encrypted. Its own releases last `lifetime_s` seconds.
    """

    sealer: Sealer
    verifier: Verifier
    replays: ReplayMemory = field(default_factory=dict[ReleaseId, str], repr=False)
    hpke: HpkeKeys | None = field(default=None, repr=False)
    recipients: Callable[[], Mapping[str, bytes]] | None = None
    lifetime_s: int = LIFETIME_S

    def seal(self, manifest: Manifest) -> Envelope:
        """A manifest -> the envelope under which it leaves."""
        return self.sealer.seal(manifest)

    def verify_own(self, envelope: Envelope, reader: Reader, spec: ReleasedSpec) -> VerifiedRelease:
        """The own envelope, checked as a peer will check it, before anything is published; of any size that the own disk takes."""
        # with a memory of its own: what was never published is no release, and may be made again
        return self._verified(envelope, reader, reader.entity, spec, MAX_RELEASE_BYTES, {})

    def verify(self, envelope: Envelope, reader: Reader, sender: str, spec: ReleasedSpec) -> VerifiedRelease:
        """An envelope that `sender` handed in -> the verified release.

        It may take half of what is free on the disk of the own folder, beside what of it lies in the own pool already. Raises
        ReleaseError with the first check that failed, OutputError where the own disk cannot be asked.
        """
        room = _free_bytes(reader.site) // 2 + layout.bytes_held(reader.site.pool, envelope.digest)
        return self._verified(envelope, reader, sender, spec, min(room, MAX_RELEASE_BYTES), self.replays)

    def _verified(
        self, envelope: Envelope, reader: Reader, sender: str, spec: ReleasedSpec, max_bytes: int, replays: ReplayMemory
    ) -> VerifiedRelease:
        expectation = Expectation(
            campaign=reader.campaign,
            sender=sender,
            spec=spec,
            classes=reader.classes,
            now=int(time.time()),
            replays=replays,
            receiver=reader.entity,
            hpke=self.hpke,
            max_bytes=max_bytes,
        )
        return self.verifier.verify(envelope, expectation)


def _free_bytes(site: Site) -> int:
    folder = site.folder
    try:
        return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    except OSError as err:
        raise OutputError(f"cannot tell how much of the disk of {folder} is free: {err}") from err


def released_spec(net: SplitNet, side: int, batch: SharedBatch) -> LabelledSpec:
    """What is to be released -> the spec that its readers expect. Raises ReleaseError for a model update."""
    match batch:
        case SharedFeatures(codec=codec):
            return replace(net.spec, codec=codec) if codec else net.spec
        case SharedImages():
            return ImageSpec(shape=(3, side, side))
        case ModelUpdate():
            raise ReleaseError("wanted features or images, got a model update; those travel as Flower arrays")
    assert_never(batch)
