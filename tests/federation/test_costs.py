from dpm_flower.federation.costs import total


def test_amounts_add_up_and_the_highest_peak_counts():
    steps = [{"seconds": 1.0, "memory_bytes": 5.0}, {"seconds": 2.0, "bytes_sent": 3.0, "memory_bytes": 4.0}, {}]
    assert total(steps) == {"seconds": 3.0, "bytes_sent": 3.0, "memory_bytes": 5.0}
    assert total(reversed(steps)) == total(steps)


def test_no_steps_cost_nothing():
    assert total([]) == {}
