"""Peers that deliver slowly: how long a message waits for each, and what becomes of the others' releases."""

import pytest

from dpm_flower.core.errors import AwayError
from dpm_flower.exchange.local import LocalExchange
from dpm_flower.exchange.pool import Pool
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.regime.contribute import contribute
from dpm_flower.regime.receive import Away, receive
from tests.regime.examples import NETS, STUDY, notary, task

HALF_S = STUDY.phase_timeout_s / 2


class Slow:
    """An exchange in made-up time; `slow` says how long a sender takes. It gives up in time, unless it is `blocked` by a sender."""

    def __init__(self, tasks, slow, blocked=()):
        self.over = LocalExchange({name: one.site.pool for name, one in tasks.items()})
        self.slow, self.blocked, self.now, self.given = slow, blocked, 0.0, {}

    def clock(self):
        return self.now

    def fetch(self, release, into, *, within_s):
        sender = release.manifest.sender
        self.given[sender] = within_s
        if release.digest in into.digests():
            return
        needs_s = self.slow.get(sender, 0.0)
        self.now += needs_s if sender in self.blocked else min(needs_s, within_s)
        if needs_s > within_s:
            raise AwayError(f"{sender}: not within {within_s:.3g} s")
        self.over.fetch(release, into)


@pytest.fixture
def campaign(tmp_path):
    """-> (the tasks of a to d by name, their claims)."""
    tasks = {name: task(tmp_path, name) for name in "abcd"}
    return tasks, [(name, contribute(one, NETS, RawFeatures(), 0, notary()).envelope) for name, one in tasks.items()]


def came(campaign, over, known=None):
    """-> (how many batches were taken, sender -> why its release was refused)."""
    tasks, claims = campaign
    taken = []
    refused = receive(tasks["a"], claims, NETS.spec, known or notary(), over, taken.extend, method="raw-features", clock=over.clock)
    return len(taken), dict(refused)


def test_a_sender_that_takes_for_ever_costs_its_own_share_and_the_others_are_taken(campaign):
    over = Slow(campaign[0], {"b": 1e9})
    taken, refused = came(campaign, over)
    assert (taken, list(refused)) == (2, ["b"])
    assert over.now <= HALF_S / 3
    assert over.given == {"b": HALF_S / 3, "c": HALF_S / 3, "d": 2 * HALF_S / 3}


def test_all_of_them_together_take_no_more_than_half_of_the_phase(campaign):
    over = Slow(campaign[0], dict.fromkeys("bcd", 1e9))
    taken, refused = came(campaign, over)
    assert (taken, list(refused)) == (0, ["b", "c", "d"])
    assert over.now == pytest.approx(HALF_S)


def test_when_the_time_is_used_up_the_others_are_not_asked_and_the_reason_says_so(campaign):
    over = Slow(campaign[0], {"b": 1.5 * HALF_S}, blocked=("b",))
    taken, refused = came(campaign, over)
    assert taken == 0
    assert list(over.given) == ["b"]
    for sender in "cd":
        assert refused[sender] == f"not fetched: peers before it used up the {HALF_S:.3g} s for all releases of a message"
    log = [entry.details for entry in Pool(campaign[0]["a"].site.pool).audit_log.entries() if entry.event == "refused"]
    assert [details["sender"] for details in log] == ["c", "d"]  # b's is noted by the pool, which this exchange does not reach


def test_what_lies_here_already_is_taken_even_then(campaign):
    known = notary()
    assert came(campaign, Slow(campaign[0], {"b": 1e9}), known)[0] == 2
    over = Slow(campaign[0], {"b": 1.5 * HALF_S}, blocked=("b",))
    taken, refused = came(campaign, over, known)
    assert (taken, list(refused)) == (2, ["b"])
    assert over.given["d"] < 0


def test_own_work_on_what_came_is_nobody_s_fault(campaign):
    over = Slow(campaign[0], {})
    tasks, claims = campaign
    taken = []

    def take(batches):
        taken.extend(batches)
        over.now += HALF_S

    refused = receive(tasks["a"], claims, NETS.spec, notary(), over, take, method="raw-features", clock=over.clock)
    assert (len(taken), refused) == (3, ())


def test_who_did_not_come_in_time_is_told_from_who_sent_what_does_not_verify(campaign):
    tasks, claims = campaign
    over = Slow(tasks, {"c": 1.5 * HALF_S}, blocked=("c",))
    wrong = [("b", dict(claims)["c"]), *claims[2:]]  # c's in b's name, then c, and d for whom no time is left
    refused = receive(tasks["a"], wrong, NETS.spec, notary(), over, list, method="raw-features", clock=over.clock)
    assert [(one.sender, isinstance(one, Away)) for one in refused] == [("b", False), ("c", True), ("d", True)]
