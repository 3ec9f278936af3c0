"""Images that may be kept for a limited time: they come with their time of arrival, and nobody gets them once their time is over."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from dpm_flower.core.durable import sync_folder
from dpm_flower.core.errors import DamagedError, GoneError, OutputError, RetentionError, SettingError
from dpm_flower.core.hash_chain import Details
from dpm_flower.data.retention import layout, purging, store_key
from dpm_flower.data.retention.clock import Clock, MachineClock
from dpm_flower.data.retention.exporting import copy_out
from dpm_flower.data.retention.item_file import MAX_ITEM_BYTES, Digests, Item, label_line, parse_labels, read_item, read_regular, write_item
from dpm_flower.data.retention.keeping import Keeping, Turn
from dpm_flower.data.retention.layout import DERIVED, ITEMS, KEY, Name
from dpm_flower.data.retention.ledger_state import Held
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.purging import Purged


@dataclass(frozen=True, slots=True)
class Derived:
    """Room for something made of images: a private folder, and the second at which it goes with all that lies in it."""

    id: str
    folder: Path
    expires_at: int


class RetentionStore:
    """A folder of images that go on time. Made by `open`. Several processes may have it open, and take turns call by call.

    Every call deletes what is over before it does anything else, and so does opening; between calls, `deleting_on_time`
    (see keeper.py) or `dpm-flower retention purge` from a timer does. An image is deleted at the first of these after its time, and
    never before it. What deletion can and cannot promise stands in erasing.py.
    The time that counts is the highest that the store has seen (see judgement.py): a clock that is set back gains nothing, and one
    that leaps ahead deletes. Times are seconds since 1970 UTC.
    """

    def __init__(self, keeping: Keeping, policy: RetentionPolicy, key: bytes) -> None:
        self._keeping = keeping
        self._policy = policy
        self._key = key

    @classmethod
    def open(cls, folder: Path, policy: RetentionPolicy, clock: Clock | None = None, key: bytes | None = None) -> Self:
        """A folder, made where there is none, and how long images live from now on -> its store, after what is over has gone.

        `key` (32 bytes) is that of the digests; by default the store makes its own, in a file in the folder that its owner alone
        reads. Raises RetentionError for a damaged ledger, another key, or folders that lead elsewhere; OutputError for a disk that fails.
        """
        layout.make(folder)
        keeping = Keeping(folder, clock or MachineClock())
        keeping.purge()
        with keeping.turn() as turn:
            if key is None:
                key = store_key.read_key(folder / KEY) if turn.state.policy else store_key.make_key(folder / KEY)
            says = asdict(policy) | {"key_check": store_key.check_value(key)}
            if turn.state.policy and turn.state.policy["key_check"] != says["key_check"]:
                raise RetentionError(f"the key is not that of the store {folder}")
            if turn.state.policy != says:
                keeping.ledger.append("policy", **says)
        return cls(keeping, policy, key)

    @property
    def policy(self) -> RetentionPolicy:
        """How long images live that come now."""
        return self._policy

    def now(self) -> int:
        """The second that counts."""
        with self._keeping.turn() as turn:
            turn.check_time()
            return turn.now

    @property
    def folder(self) -> Path:
        """Where the store lies."""
        return self._keeping.folder

    def add(self, image: bytes | Path, arrived_at: int, labels: Mapping[str, Any] | None = None) -> str:
        """An image as it came, its bytes or the file that holds them, and what is known of it -> its id, once it is safely there.

        A file stays where it is: erasing it is the caller's. Raises GoneError for an image whose time is over already, SettingError
        for an arrival in the future or labels that JSON cannot say, RetentionError for a file that cannot be read.
        """
        content = read_source(image) if isinstance(image, Path) else image
        if len(content) > MAX_ITEM_BYTES:
            raise SettingError(f"wanted an image of at most {MAX_ITEM_BYTES} bytes, got {len(content)}")
        line = label_line(labels or {})
        with self._keeping.turn() as turn:
            turn.check_time()
            if arrived_at > turn.now:
                raise SettingError(f"wanted an arrival in the past, got {arrived_at}, which is {arrived_at - turn.now} s ahead")
            expires_at = self._policy.expires_at(arrived_at, turn.state.added)
            if turn.now - turn.behind_s < expires_at <= turn.now:
                raise RetentionError(
                    f"the clock is {turn.behind_s} s behind the highest time that this store has seen, by which the image's time would be "
                    "over: nothing of that age is taken in until that is settled"
                )
            if expires_at <= turn.now:
                raise GoneError(f"the image's time was over {turn.now - expires_at} s ago: it is not taken in")
            name = Name(expires_at, secrets.token_hex(16))
            digests = Digests.of(self._key, name.id, content, line)
            self._put(name, line, content, digests, arrived_at)
        return name.id

    def read(self, item: str) -> Item:
        """An id -> the image as it came.

        Raises GoneError once its time is over, however late that is noticed; DamagedError for a file that was changed, has another
        name, or cannot be read; RetentionError where nobody knows how late it is.
        """
        with self._keeping.turn() as turn:
            return self._read(turn, item)

    def items(self) -> tuple[Held, ...]:
        """The images that may be read now, the first to go first."""
        with self._keeping.turn() as turn:
            turn.check_time()
            held = [one for one in turn.state.held.values() if one.part == ITEMS and not turn.state.goes(one, turn.now)]
        return tuple(sorted(held, key=lambda one: (one.expires_at, one.id)))

    def derive(self, sources: Sequence[str]) -> Derived:
        """Ids of images, or of what was made of some, from which something is about to be made -> room for it, a new folder.

        It is written down before a byte lies there, and goes as a whole with the first of its sources: decoded caches, features that
        are mapped into memory, checkpoints, and what a killed process has begun. Raises GoneError if one of the sources is over.
        """
        if not sources:
            raise SettingError("wanted the images that this is made of, got none")
        with self._keeping.turn() as turn:
            turn.check_time()
            held = [self._held(turn, source) for source in sources]
            first = min(held, key=lambda one: one.expires_at)
            name = Name(first.expires_at, secrets.token_hex(16))
            place = self.folder / DERIVED / str(name)
            try:
                place.mkdir(layout.FOLDER_MODE)
                sync_folder(place.parent)
            except OSError as err:
                raise OutputError(f"cannot make {place}: {err}") from err
            digest = Digests.of(self._key, name.id, " ".join(sorted(one.id for one in held)).encode(), b"").content
            self._keeping.ledger.append(
                "derived", id=name.id, expires_at=name.expires_at, arrived_at=turn.now, digest=digest, sources=len(held), first=first.id
            )
        return Derived(name.id, place, name.expires_at)

    def drop(self, derived: str) -> None:
        """The id of something made of images -> nothing: it is erased now, since nobody needs it any more. Images go on time only."""
        with self._keeping.turn() as turn:
            held = self._held(turn, derived)
            if held.part == ITEMS:
                raise RetentionError(f"{derived} is an image, which stays until its time is over")
            if failed := self._keeping.order([held]).failed:
                raise OutputError("; ".join(failed))

    def export(self, item: str, target: Path) -> None:
        """An id and a path where nothing lies -> the image's bytes there, for which the store is not answerable any more.

        The ledger says so before it happens. Raises as `read`; RetentionError for a path in the store; OutputError if it cannot be
        written. If the time is over before the copy is whole, there is none.
        """
        if target.resolve().is_relative_to(self.folder.resolve()):
            raise RetentionError(f"wanted a path outside the store, got {target}")
        with self._keeping.turn() as turn:
            content = self._read(turn, item).content
            held = turn.state.held[item]
            self._keeping.ledger.append("exporting", id=item, digest=held.digest)
            copy_out(content, target, lambda: self._check_not_over(held))

    def purge(self) -> Purged:
        """Deletes what is over and what killed processes have begun -> what went, and in words what could not be deleted."""
        return self._keeping.purge()

    def _put(self, name: Name, line: bytes, content: bytes, digests: Digests, arrived_at: int) -> None:
        told: Details = {"id": name.id, "expires_at": name.expires_at, "arrived_at": arrived_at}
        try:
            with layout.opened(self.folder, ITEMS) as place:
                write_item(str(name), place, line, content)
            self._keeping.ledger.append_all([("added", {**told, "digest": digests.content, "labels_digest": digests.labels})])
        except (OSError, OutputError) as err:
            purging.tidy(self.folder, self._keeping.ledger)  # it has no entry: the part that was written goes
            raise OutputError(f"cannot take an image into the store {self.folder}: {err}") from err

    def _read(self, turn: Turn, item: str) -> Item:
        turn.check_time()
        held = self._held(turn, item)
        if held.part != ITEMS:
            raise RetentionError(f"{item} is no image, but something made of images")
        path = self.folder / ITEMS / str(held.name)
        try:
            with layout.opened(self.folder, ITEMS) as place:
                line, content = read_item(str(held.name), place)
        except OSError as err:
            raise DamagedError(f"cannot read {path}: {err.strerror}") from err
        except RetentionError as err:
            raise DamagedError(str(err)) from err
        if Digests.of(self._key, item, content, line) != Digests(held.digest, held.labels_digest):
            raise DamagedError(f"{path} is not as it came: it was changed or damaged")
        self._check_not_over(held)
        return Item(item, content, parse_labels(line), held.arrived_at, held.expires_at)

    def _held(self, turn: Turn, thing: str) -> Held:
        held = turn.state.held.get(thing)
        if held is None or turn.state.goes(held, turn.now):
            raise GoneError(f"{thing} is not in the store {self.folder}: its time is over, or it never was there")
        return held

    def _check_not_over(self, held: Held) -> None:
        """Looks at the clock again: reading and copying take time."""
        if held.expires_at <= self._keeping.judge()[0].now:
            raise GoneError(f"the time of {held.id} was over before it was handed out")


def read_source(path: Path) -> bytes:
    """The file of an image that comes -> its bytes. Raises RetentionError for a link, a pipe, or a file that cannot be read."""
    try:
        return read_regular(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), str(path))
    except OSError as err:
        raise RetentionError(f"cannot read {path}: {err.strerror}") from err
