from dataclasses import asdict

import pytest

from dpm_flower.core.errors import RetentionError, SettingError
from dpm_flower.data.retention.policy import DAY_S, LATEST_S, RetentionPolicy


def test_the_first_images_live_for_the_warm_up_and_the_others_for_the_usual_time():
    policy = RetentionPolicy(ttl_s=10, warm_up_ttl_s=100, warm_up_items=2)
    assert [policy.expires_at(5, before) for before in (0, 1, 2, 9)] == [105, 105, 15, 15]
    assert RetentionPolicy().expires_at(0, 0) == DAY_S


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"ttl_s": 0}, "ttl_s must be at least 1"),
        ({"warm_up_ttl_s": LATEST_S + 1}, "warm_up_ttl_s must be .* at most"),
        ({"warm_up_items": -1}, "warm_up_items must be at least 0, got -1"),
        ({"ttl_s": 10, "warm_up_ttl_s": 9}, "must not be below ttl_s, 10, got 9"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(settings, error):
    with pytest.raises(SettingError, match=error):
        RetentionPolicy(**settings)


def test_a_ledger_tells_of_a_policy_what_it_was():
    policy = RetentionPolicy(ttl_s=10, warm_up_ttl_s=100, warm_up_items=2)
    assert RetentionPolicy.told(asdict(policy) | {"key_check": "abc"}) == policy
    for details in ({}, asdict(policy) | {"ttl_s": "a day"}):
        with pytest.raises(RetentionError, match="wanted a store that tells how long images live"):
            RetentionPolicy.told(details)


@pytest.mark.parametrize("arrived_at", [-1, LATEST_S])
def test_a_time_that_no_clock_shows_is_refused(arrived_at):
    with pytest.raises(SettingError, match="wanted an arrival"):
        RetentionPolicy().expires_at(arrived_at, 0)
