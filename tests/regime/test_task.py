from dataclasses import fields, replace

import torch

from dpm_flower.training.prediction import apply
from tests.regime.examples import NETS, STUDY, task
from tests.training.toys import CPU, pictures


def draws(rng):
    return tuple(torch.rand(6, generator=rng).tolist())


def test_the_task_of_some_images_is_the_same_with_those_alone(tmp_path):
    one = task(tmp_path)
    some = one.of_images(torch.tensor([1, 4, 5]))
    assert torch.equal(some.train.images, one.train.images[[1, 4, 5]])
    assert torch.equal(some.train.labels, one.train.labels[[1, 4, 5]])
    assert all(getattr(some, field.name) is getattr(one, field.name) for field in fields(one) if field.name != "train")
    assert one.of_images(torch.arange(len(one.train))) is one  # caches know its images again


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


def test_without_a_secret_everybody_can_draw_the_stream(tmp_path):
    one = task(tmp_path)
    assert draws(one.secret_stream("method", "x")) == draws(one.stream("method", "x"))


def test_with_a_secret_nobody_else_can_and_every_campaign_entity_seed_and_purpose_has_its_own(tmp_path):
    streams = [
        task(tmp_path, entity, seed=seed, campaign=campaign, secret=secret).secret_stream("method", purpose)
        for entity in ("a", "b")
        for seed in (0, 1)
        for campaign in ("c-0", "c-1")
        for secret in ("5e" * 32, "7f" * 32)
        for purpose in ("x", "y")
    ]
    public = [task(tmp_path, entity).stream("method", "x") for entity in ("a", "b")]
    assert len({draws(rng) for rng in (*streams, *public)}) == 34
    one = task(tmp_path, secret="5e" * 32)
    assert draws(one.secret_stream("x")) == draws(one.secret_stream("x"))
    assert draws(one.stream("x")) == draws(task(tmp_path).stream("x"))  # what is public stays public


def test_a_secret_is_not_shown(tmp_path):
    assert "5e5e" not in repr(task(tmp_path, secret="5e" * 32))


def test_threads_are_the_study_s_inside_the_block(tmp_path):
    one, before = task(tmp_path, study=replace(STUDY, threads=2)), torch.get_num_threads()
    with one.threads():
        assert torch.get_num_threads() == 2
    with one.threads(3):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_features_of_what_all_have_are_computed_once_and_own_ones_stay_in_the_own_folder(tmp_path):
    a, b = (replace(task(tmp_path, name), common=tmp_path / "common") for name in "ab")
    b = replace(b, test=a.test, public=a.public)
    for one in (a, b):
        features = one.features(NETS)
        for images in (one.test.images, one.public.images, one.train.images):
            assert torch.equal(features(images), apply(NETS.featurizer, images, CPU))
    assert len(list((tmp_path / "common" / "features").iterdir())) == 2
    assert [len(list(one.site.features.iterdir())) for one in (a, b)] == [1, 1]


def test_features_of_the_peer_s_images_lie_with_the_attackers_who_own_them(tmp_path):
    one = task(tmp_path, peer=pictures(9, seed=77))
    assert torch.equal(one.features(NETS)(one.peer.images), apply(NETS.featurizer, one.peer.images, CPU))
    assert not one.site.features.exists()
    assert len(list(one.site.attackers_features(one.campaign).iterdir())) == 1


def test_without_a_common_folder_everything_stays_in_the_own_one(tmp_path):
    one = task(tmp_path)
    for images in (one.test.images, one.public.images, one.train.images):
        one.features(NETS)(images)
    assert len(list(one.site.features.iterdir())) == 3
