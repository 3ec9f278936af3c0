from dataclasses import replace

import torch

from tests.regime.examples import STUDY, task


def draws(rng):
    return tuple(torch.rand(6, generator=rng).tolist())


def test_every_entity_purpose_and_seed_has_a_stream_of_its_own(tmp_path):
    streams = [
        task(tmp_path, entity, seed=seed).stream(*purpose)
        for entity in ("a", "b", "ab")
        for seed in (0, 1)
        for purpose in (("method", "x"), ("method", "y"), ("decider", "x"), ("backbone",), ())
    ]
    assert len({draws(rng) for rng in streams}) == 30


def test_a_stream_is_the_same_each_time_it_is_asked_for(tmp_path):
    one = task(tmp_path)
    assert draws(one.stream("x")) == draws(one.stream("x")) == draws(task(tmp_path / "elsewhere", campaign="c-1").stream("x"))


def test_threads_are_the_study_s_inside_the_block(tmp_path):
    one, before = task(tmp_path, study=replace(STUDY, threads=2)), torch.get_num_threads()
    with one.threads():
        assert torch.get_num_threads() == 2
    with one.threads(3):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
