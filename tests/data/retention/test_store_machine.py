"""Whatever is done in whatever order, an image can be read until its time and no longer, by the highest time that was ever seen."""

import shutil
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dpm_flower.core.errors import GoneError, RetentionError
from dpm_flower.data.retention.keeping import Keeping
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.data.retention.verifying import verify
from tests.data.retention.fakes import FakeClock, content, decoded, found_in

POLICY = RetentionPolicy(ttl_s=100, warm_up_ttl_s=250, warm_up_items=2)
MEMORY = Path("/dev/shm")


class StoreMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.clock = FakeClock()
        self.highest = self.clock.wall_s  # the time that counts, by a model of its own
        self.sure = True
        self.images = {}  # id -> number, when it goes
        self.made = {}  # id -> folder, numbers, when it goes
        self.count = 0
        self.reopen()

    def seen(self):
        """The store looks at the clock."""
        self.highest = max(self.highest, self.clock.wall_s)
        if self.clock.wall_s >= self.highest - 2:
            self.sure = True

    def living(self, things):
        return sorted(thing for thing, (*_, goes) in things.items() if goes > self.highest)

    @rule()
    def reopen(self):
        self.store = RetentionStore.open(self.folder / "store", POLICY, self.clock)
        self.seen()

    @rule(seconds=st.integers(0, 120))
    def advance(self, seconds):
        self.clock.advance(seconds)
        self.highest += seconds

    @rule(seconds=st.integers(3, 300))
    def set_back(self, seconds):
        self.clock.set_back(seconds)

    @rule(seconds=st.integers(3, 400))
    def set_right(self, seconds):
        self.clock.wall_s += seconds

    @rule(off_s=st.integers(0, 50))
    def reboot(self, off_s):
        self.clock.reboot(off_s)
        if self.clock.wall_s < self.highest - 2:
            self.sure = False
        self.reopen()

    @rule(ago=st.integers(0, 90))
    def add(self, ago):
        arrived_at = int(max(self.highest, self.clock.wall_s)) - ago
        number = self.count
        try:
            item = self.store.add(content(number), arrived_at, {"number": number})
        except RetentionError:
            self.seen()
            assert not self.sure
            return
        self.seen()
        self.images[item] = (number, arrived_at + (250 if number < 2 else 100))
        self.count += 1

    @precondition(lambda self: self.images)
    @rule(data=st.data())
    def derive(self, data):
        sources = data.draw(st.lists(st.sampled_from(sorted(self.images | self.made)), min_size=1, max_size=3))
        about = [self.images.get(source) or self.made[source] for source in sources]
        goes = min(each[-1] for each in about)
        try:
            made = self.store.derive(sources)
        except RetentionError:
            self.seen()
            assert not self.sure or goes <= self.highest
            return
        self.seen()
        assert made.expires_at == goes
        numbers = [number for each in about for number in (each[1] if len(each) == 3 else [each[0]])]
        (made.folder / "rows").write_bytes(b"".join(map(decoded, numbers)))
        self.made[made.id] = (made.folder, numbers, goes)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def drop(self, data):
        thing = data.draw(st.sampled_from(sorted(self.made)))
        try:
            self.store.drop(thing)
        except GoneError:
            self.seen()
            assert self.made[thing][-1] <= self.highest
        self.seen()
        del self.made[thing]

    @rule()
    def purge(self):
        assert self.store.purge().failed == ()
        self.seen()

    @invariant()
    def what_lives_can_be_read_and_what_is_over_has_left_nothing(self):
        self.store.purge()
        self.seen()
        for item, (number, goes) in self.images.items():
            if goes <= self.highest:
                assert found_in(self.folder, number) == []
            try:
                found = self.store.read(item)
            except GoneError:
                assert self.sure
                assert goes <= self.highest
            except RetentionError:
                assert not self.sure
            else:
                assert self.sure
                assert found.content == content(number)
                assert goes > self.highest
        for folder, _, goes in self.made.values():
            assert folder.exists() == (goes > self.highest)
        assert [each for each in verify(Keeping(self.folder / "store", self.clock)).wrong if "clock" not in each] == []

    def teardown(self):
        shutil.rmtree(self.folder)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
