"""Two processes of one site at work on the same contribution: Flower starts a second one when it takes the first for dead."""

import threading
from dataclasses import dataclass, field

from dpm_flower.core.alone import alone_in
from dpm_flower.exchange.pool import Pool
from dpm_flower.regime import contribute as module
from dpm_flower.regime.contribute import contribute
from tests.regime.examples import NETS, POISONING, notary, task


@dataclass(frozen=True)
class Awaited:
    """Deep Poisoning that is not fitted before an event; who begins is noted."""

    ready: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    begun: list = field(default_factory=list, repr=False, compare=False)
    name: str = "awaited"

    def prepare(self, preparation):
        self.begun.append(preparation)
        assert self.ready.wait(60)
        return POISONING.prepare(preparation)


def test_they_make_one_release_and_give_one_answer(tmp_path, monkeypatch):
    one, method = task(tmp_path), Awaited()
    at_the_door, made = threading.Semaphore(0), []

    def noted(folder, **kwargs):
        at_the_door.release()
        return alone_in(folder, **kwargs)

    monkeypatch.setattr(module, "alone_in", noted)
    threads = [threading.Thread(target=lambda: made.append(contribute(one, NETS, method, 0, notary()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    both = all(at_the_door.acquire(timeout=60) for _ in threads)
    method.ready.set()
    for thread in threads:
        thread.join()
    assert both
    assert len(method.begun) == 1
    assert made[0] == made[1]
    assert len(Pool(one.site.pool).digests()) == 1
