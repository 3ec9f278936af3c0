import signal

import pytest

from dpm_flower.apps.ending import ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_block_and_nothing_after_it(number: signal.Signals) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    with ended_by_signals() as ended:
        assert not ended.is_set()
        signal.raise_signal(number)
        assert ended.wait(10)
    assert {one: signal.getsignal(one) for one in before} == before


def test_an_error_in_the_block_leaves_no_handler_behind() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="wrong"), ended_by_signals():
        raise ValueError("wrong")
    assert signal.getsignal(signal.SIGINT) is before
