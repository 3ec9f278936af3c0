"""The candidates of a linkage attack: some of a release's images among others that nobody released, and which is which."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.labelled import Labelled, Labels, as_bytes, joined_images
from dpm_flower.core.protocols import NotApplicable
from dpm_flower.metrics.ranking import Ranking, ranking

CANDIDATES = 1000  # SPEC.md, section 8, L1
LEAST_CANDIDATES = 2  # among fewer there is nothing to choose


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Candidates (G,C,H,W) with their labels (G,) in no order. An attacker is shown the images; all else here is the scorer's.

    `victims` (V,), ascending, are the numbers in the release of those of its images that are among the candidates, `places` (V,)
    where in the gallery each of them lies.
    """

    images: Tensor
    labels: Labels
    victims: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def ranked(self, scores_NG: Tensor | NotApplicable) -> Ranking | NotApplicable:
        """A linker's answer, scores of the whole release (N,G) -> where each of the V victims' own image comes."""
        if isinstance(scores_NG, NotApplicable):
            return scores_NG
        return ranking(scores_NG[self.victims], self.places)

    def stood_out(self, scores_NG: Tensor | NotApplicable) -> Ranking | NotApplicable:
        """A linker's answer (N,G) that names nobody's own -> where each of the V victims comes among itself and all who are none.

        Nothing in an unpaired release is any victim's own, so that there is nobody to be found; but an image that a generator has learnt
        by heart is nearer to some part of the release than images are which it has never seen. A candidate's score is its greatest one
        with any part. Who cannot tell victims from others has each first as often as by chance: one in the others and itself.
        """
        if isinstance(scores_NG, NotApplicable):
            return scores_NG
        best_G = scores_NG.amax(0)
        others = torch.ones(len(self), dtype=torch.bool).index_fill_(0, self.places, False)
        rows = torch.cat((best_G[self.places].unsqueeze(1), best_G[others].expand(len(self.places), -1)), 1)
        return ranking(rows, torch.zeros(len(rows), dtype=torch.int64))

    def told_by_label(self) -> Ranking:
        """Where the victims' own images come for who knows the released labels and the candidates', and nothing more.

        This lies above chance, and no release that says its labels can lie below it. It is the floor of a linkage attack.
        """
        own_V1 = self.labels[self.places].unsqueeze(1)
        return ranking((own_V1 == self.labels).double(), self.places)


def gallery_of(
    victims: Labelled, others: Sequence[Labelled], rng: torch.Generator, candidates: int = CANDIDATES, *, any_class: bool = False
) -> Gallery:
    """A release's images and images that nobody released, likeliest candidates first -> at most `candidates` of both, shuffled by `rng`.

    Half of them are victims, or fewer where the release has fewer; the rest are others of the victims' classes, or of `any_class`, drawn
    from the first set until it has no more, then from the next. Where those come to less, the gallery is smaller: `len` says what chance
    is. No image is in it twice, and none of the others is an image of the release; images are compared by their 8-bit pixels. Raises
    SettingError for less than two candidates, DataError where there are no others or no victims.
    """
    if candidates < LEAST_CANDIDATES:
        raise SettingError(f"candidates must be at least {LEAST_CANDIDATES}, got {candidates}")
    released = set[bytes]()
    first = torch.tensor([number for number, image in enumerate(victims.images) if _is_new(image, released)], dtype=torch.int64)
    chosen = first[torch.randperm(len(first), generator=rng)[: candidates // 2]].sort().values
    taken = list(_decoys(others, None if any_class else victims.labels[chosen], released, candidates - len(chosen), rng))
    if not len(chosen) or not sum(map(len, taken)):
        of = "" if any_class else " of their classes"
        raise DataError(f"wanted victims and other images{of}, got {len(chosen)} and {sum(map(len, taken))}")
    images = joined_images([victims.images[chosen], *(part.images for part in taken)])
    labels = torch.cat([victims.labels[chosen], *(part.labels for part in taken)])
    order = torch.randperm(len(images), generator=rng)
    return Gallery(images[order], labels[order], chosen, order.argsort()[: len(chosen)])


def _decoys(others: Sequence[Labelled], classes: Labels | None, seen: set[bytes], wanted: int, rng: torch.Generator) -> Iterator[Labelled]:
    """Of each set, images of these classes (None: of any) that were not seen, as many as are still wanted."""
    for part in others:
        order = torch.randperm(len(part), generator=rng)
        if classes is not None:
            order = order[torch.isin(part.labels[order], classes)]
        taken = list[int]()
        for number in order.tolist():
            if len(taken) == wanted:
                break
            if _is_new(part.images[number], seen):
                taken.append(number)
        wanted -= len(taken)
        yield part.take(torch.tensor(taken, dtype=torch.int64))


def _is_new(image: Tensor, seen: set[bytes]) -> bool:
    """Whether an image was not seen yet; it is from now on."""
    digest = hashlib.sha256(as_bytes(image).numpy().tobytes()).digest()
    new = digest not in seen
    seen.add(digest)
    return new
