"""Images in a store that no day has looked at yet -> which of them a day can learn from."""

from dataclasses import dataclass
from hashlib import sha256

from dpm_flower.core.errors import DamagedError, GoneError
from dpm_flower.regime.daily_work import DailyWork
from dpm_flower.regime.day_learning import N
from dpm_flower.regime.days_folder import Days


@dataclass(frozen=True, slots=True)
class Fresh:
    """Ids of images: those to learn from, in the order of their contents, which nothing else decides; those whose time is over too soon
    for that, those that cannot be learnt from, those that are there twice, and those that cannot be read.
    """

    items: tuple[str, ...]
    late: tuple[str, ...]
    unused: tuple[str, ...]
    repeats: tuple[str, ...]
    damaged: tuple[str, ...]


def fresh_images(work: DailyWork[N], days: Days) -> Fresh:
    """How far the days are -> the images that are not settled. Each is read, one after the other."""
    first: dict[tuple[str, str], str] = {}
    late, unused, repeats, damaged = list[str](), list[str](), list[str](), list[str]()
    soon = work.store.now() + work.place.reserve_s
    for one in work.store.items():
        if one.id in days.settled:
            continue
        if one.expires_at <= soon:
            late.append(one.id)
            continue
        try:
            item = work.store.read(one.id)
        except GoneError:
            continue
        except DamagedError:
            damaged.append(one.id)
            continue
        if (key := work.learning.key_of(item.labels)) is None:
            unused.append(one.id)
        elif first.setdefault((sha256(item.content).hexdigest(), key), one.id) != one.id:
            repeats.append(one.id)
    return Fresh(tuple(first[key] for key in sorted(first)), tuple(late), tuple(unused), tuple(repeats), tuple(damaged))
