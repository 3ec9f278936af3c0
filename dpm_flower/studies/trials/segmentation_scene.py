"""The entities of a study of segmentation, one to each data set of an archive, and what they release to each other."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.alone import alone_in
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.whole_file import whole_file
from dpm_flower.data.masks import Masked, load_masks
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.methods.pair_sharing import PairSharing
from dpm_flower.regime.consortium import LASTS_S, Consortium
from dpm_flower.regime.pair_release import PairsHolder, ReceivedPairs, publish_pairs, received_pairs
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.standing import Standing
from dpm_flower.studies.trials.kept_as import kept_as
from dpm_flower.studies.trials.segmenter import parted

CAMPAIGN = "trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Pictures of `side` pixels, from which patches of `patch` pixels are cut; a share `held_out` of each entity's is not learnt from.

    Raises SettingError for a cut that cannot be.
    """

    side: int = 256
    patch: int = 32
    held_out: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1 or not 1 <= self.patch <= self.side:
            raise SettingError(f"wanted 0 < held_out < 1 and a patch within the side, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """Patches to learn from, whole photographs that are held out, and whole test ones, all of one data set."""

    own: Masked
    held_out: Masked
    test: Masked


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The entities by name, and how their pictures were cut."""

    ground: Ground
    cut: Cut
    entities: Mapping[str, Entity]

    @classmethod
    def of(cls, ground: Ground, cut: Cut) -> "Scene":
        """The archive's data sets -> an entity each, under the name in lower case, with "-" for what no name of an entity has.

        Raises DataError for fewer than two, and for a data set without training or test photographs.
        """
        sets = load_masks(Path(ground.data))
        names = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in sets.source_names]
        if len(set(names)) != len(names) or len(names) < 2:
            raise DataError(f"wanted at least two data sets with names of their own, got {', '.join(sets.source_names)}")
        chosen, apart = parted(sets.train.resized(cut.side), cut.held_out, ground)
        test, entities = sets.test.resized(cut.side), dict[str, Entity]()
        for number, name in enumerate(names):
            own, held_out, of_test = (part.take((part.source == number).nonzero().flatten()) for part in (chosen, apart, test))
            entities[name] = Entity(own.patches(cut.patch), held_out, of_test)
        return cls(ground, cut, entities)

    def entity(self, name: str) -> Entity:
        """The entity of that name. Raises SettingError where there is none."""
        if name not in self.entities:
            raise SettingError(f"wanted one of the entities {', '.join(self.entities)}, got {name!r}")
        return self.entities[name]

    def received(self, receiver: str, method: PairSharing) -> dict[str, ReceivedPairs]:
        """Who reads, and how the others share -> what each of them released, in the order of the entities.

        Releases are made once for all trials of a seed, signed, and fetched from the folder of whose they are. Raises ReleaseError where
        one may not leave or is refused.
        """
        folder = self.ground.common / kept_as("pairs", f"{method!r} {self.cut!r}")
        consortium = Consortium(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder, wait_s=math.inf):
            consortium.found(sorted(self.entities))
            others = [name for name in self.entities if name != receiver]
            envelopes = {name: self._published(folder, _holder(consortium, name), method) for name in others}
        exchange = LocalExchange({name: consortium.site(name).pool for name in self.entities})
        reader, own = _holder(consortium, receiver), self.entity(receiver).own
        return {name: received_pairs(reader, name, text, own, exchange, method=method.name) for name, text in envelopes.items()}

    def _published(self, folder: Path, holder: PairsHolder, method: PairSharing) -> str:
        """The envelope of an entity's release; it lies in a file beside the entities' folders, as it would with whoever passes it on."""
        path = folder / f"{holder.entity}.json"
        if not path.exists():
            entity = self.entity(holder.entity)
            text = publish_pairs(
                holder,
                method,
                entity.own,
                entity.held_out.patches(self.cut.patch),
                sequence=0,
                compute=self.ground.compute,
                rng=self.ground.stream("release", method.name, holder.entity),
                report=self.ground.report,
            )
            with whole_file(path) as partial:
                partial.write_text(text, encoding="utf-8")
        return path.read_text(encoding="utf-8")


def _holder(consortium: Consortium, name: str) -> PairsHolder:
    site = consortium.site(name)
    site.pool.mkdir(parents=True, exist_ok=True)
    standing = Standing.open(site.identity, consortium.roster, site.roster_lock, site.replays)
    signing = standing.notary()
    notary = Notary(signing.sealer, signing.verifier, signing.replays, signing.hpke, lifetime_s=LASTS_S)  # a cell may be run again
    return PairsHolder(campaign=CAMPAIGN, entity=name, site=site, notary=notary)
