"""Flower's partitioners behind plain functions: whole, disjoint, repeatable, silent, and without a file or a socket."""

import socket
import warnings

import pytest
import torch

from dpm_flower.core.errors import PartitionError
from dpm_flower.data.partition_flower import dirichlet_parts, iid_parts, parts_by_key, single_class_parts

KEYS = torch.randint(0, 5, (200,), generator=torch.Generator().manual_seed(0))
WAYS = {
    "iid": lambda: iid_parts(200, 7),
    "dirichlet": lambda: dirichlet_parts(KEYS, 7, 0.5, 1, 3),
    "by class": lambda: single_class_parts(KEYS, 12),
    "by key": lambda: parts_by_key(KEYS),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_row_is_in_one_part(way, capfd, monkeypatch, tmp_path):
    def refused(*_):
        raise AssertionError("a partition needs no network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="error"):
        parts = WAYS[way]()
    assert sorted(torch.cat(parts).tolist()) == list(range(200))
    assert all(torch.equal(one, other) for one, other in zip(parts, WAYS[way](), strict=True))
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_parts_are_what_their_names_say():
    assert [len(part) for part in iid_parts(10, 4)] == [3, 3, 2, 2]
    assert torch.equal(torch.cat(iid_parts(10, 4)), torch.arange(10))
    for number, part in enumerate(parts_by_key(KEYS)):
        assert set(KEYS[part].tolist()) == {number}
    parts = single_class_parts(KEYS, 12)
    assert [set(KEYS[part].tolist()) for part in parts] == [{number % 5} for number in range(12)]
    for number in range(5):
        sizes = [len(part) for part in parts[number::5]]
        assert max(sizes) - min(sizes) <= 1


def test_another_seed_draws_another_dirichlet_division():
    one, other = (dirichlet_parts(KEYS, 4, 0.5, 1, seed) for seed in (1, 2))
    assert [len(part) for part in one] != [len(part) for part in other]


def test_a_dirichlet_division_that_cannot_be_is_refused_without_a_word(capfd):
    with warnings.catch_warnings(action="error"), pytest.raises(PartitionError, match="at least 60 of 200 rows"):
        dirichlet_parts(KEYS, 4, 0.5, 60, 1)
    assert capfd.readouterr() == ("", "")
