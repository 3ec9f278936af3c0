from dpm_flower.data.holdings import Holding


def test_the_total_counts_all_classes():
    assert Holding("train", "a", (3, 0, 4)).total == 7
