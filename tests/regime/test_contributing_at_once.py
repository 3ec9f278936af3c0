"""Two processes of one site at work on the same contribution: Flower starts a second one when it takes the first for dead."""

import threading
from dataclasses import dataclass, field, replace

import pytest

from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import StudyError
from dpm_flower.exchange.pool import Pool
from dpm_flower.regime import contribute as module
from dpm_flower.regime.contribute import contribute
from tests.regime.examples import NETS, POISONING, STUDY, notary, task


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


def test_one_that_is_never_done_is_waited_for_as_long_as_the_study_gives_a_message(tmp_path):
    one, method = task(tmp_path, study=replace(STUDY, phase_timeout_s=0.2)), Awaited()
    with alone_in(made_in(one, method)), pytest.raises(StudyError, match=r"another process of a's site .* not done within 0\.2 s"):
        contribute(one, NETS, method, 0, notary())
    assert method.begun == []
    method.ready.set()
    assert contribute(one, NETS, method, 0, notary()).envelope  # nothing is left that would stop the next one


def test_an_error_while_making_it_says_what_it_is(tmp_path, monkeypatch):
    def failing(*_):
        raise StudyError("the study does not fit")

    monkeypatch.setattr(module, "_contributed", failing)
    with pytest.raises(StudyError, match=r"^the study does not fit$"):
        contribute(task(tmp_path), NETS, POISONING, 0, notary())


def made_in(one, method):
    """The folder that a process holds while it makes that contribution."""
    folder = one.site.contribution(one.campaign, repr(method)).with_suffix(".making")
    folder.mkdir(parents=True)
    return folder
