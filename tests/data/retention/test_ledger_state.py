from dpm_flower.data.retention.ledger_state import LedgerState

CAME = {"arrived_at": 0, "digest": "d"}


def test_what_has_to_go_is_what_is_over_and_what_was_ordered_the_oldest_first():
    state = LedgerState()
    for number, expires_at in enumerate((30, 20, 10)):
        state.apply(1, "added", {"id": str(number) * 32, "expires_at": expires_at, **CAME})
    assert state.due(9) == []
    assert [held.expires_at for held in state.due(20)] == [10, 20]
    state.apply(2, "ordered", {"id": "0" * 32})
    assert [held.expires_at for held in state.due(10)] == [10, 30]
    assert state.goes(state.held["0" * 32], 0)
    state.apply(3, "deleted", {"id": "0" * 32})
    assert state.ordered == set()
    assert state.last_at == 3


def test_what_could_not_be_deleted_is_known_until_it_has_gone():
    state = LedgerState()
    state.apply(1, "derived", {"id": "a" * 32, "expires_at": 9, **CAME})
    assert state.added == 0
    assert list(state.of_part("derived")) == ["000000000009-" + "a" * 32]
    assert state.of_part("items") == {}
    state.apply(2, "not-deleted", {"id": "a" * 32, "reason": "why"})
    assert state.stuck == {"a" * 32: "why"}
    state.apply(3, "lost", {"id": "a" * 32})
    assert (state.stuck, state.held) == ({}, {})
