import pytest
import torch

from dpm_flower.attacks.gallery import gallery_of
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.labelled import Labelled, as_bytes
from dpm_flower.core.protocols import NotApplicable
from dpm_flower.core.streams import stream

CLASSES = 4


def numbered(first, count):
    """Images that are all different: pixel by pixel, the digits of their number."""
    numbers = torch.arange(first, first + count)
    pixels = torch.stack([(numbers // 10**place) % 10 for place in range(4)], 1).to(torch.uint8)
    return Labelled(pixels.view(-1, 1, 2, 2).repeat(1, 3, 1, 1), numbers % CLASSES, CLASSES)


def numbers(images):
    return (as_bytes(images)[:, 0].flatten(1).long() * torch.tensor([1, 10, 100, 1000])).sum(1).tolist()


VICTIMS, UNRELEASED, HELD_OUT = numbered(0, 20), numbered(100, 30), numbered(200, 50)


def made(victims=VICTIMS, others=(UNRELEASED, HELD_OUT), candidates=60, seed=0):
    return gallery_of(victims, others, stream(seed, "gallery"), candidates)


def test_each_victim_is_where_the_gallery_says_and_all_others_are_not_released():
    gallery = made()
    assert gallery.victims.tolist() == list(range(20))
    assert numbers(gallery.images[gallery.places]) == numbers(VICTIMS.images)
    assert len(gallery) == len(set(numbers(gallery.images))) == 60
    assert torch.equal(gallery.labels, torch.tensor(numbers(gallery.images)) % CLASSES)


def test_the_likeliest_candidates_come_first_and_the_next_when_there_are_no_more():
    found = {number for number in numbers(made().images) if number >= 100}
    assert {number for number in found if number < 200} == set(range(100, 130))
    assert len(found) == 40
    assert max(numbers(made(candidates=50).images)) < 200


def test_of_a_release_of_many_images_half_of_the_gallery_are_victims():
    gallery = made(candidates=10)
    assert len(gallery) == 10
    assert len(gallery.victims) == 5
    assert gallery.victims.tolist() == sorted(set(gallery.victims.tolist()))
    assert numbers(gallery.images[gallery.places]) == gallery.victims.tolist()  # a victim's number is its place in the release
    assert gallery.victims.tolist() != [0, 1, 2, 3, 4]


def test_where_there_are_fewer_images_the_gallery_is_smaller_and_chance_greater():
    gallery = made(candidates=1000)
    assert len(gallery) == 100
    assert gallery.ranked(torch.zeros(20, 100)).rank1_by_chance == 1 / 100


def test_no_image_is_in_it_twice_nor_an_image_of_the_release_among_the_others():
    again = Labelled(VICTIMS.images[[0, 0, 1]], VICTIMS.labels[[0, 0, 1]], CLASSES)
    as_floats = Labelled(UNRELEASED.images[:7].float() / 255, UNRELEASED.labels[:7], CLASSES)
    for candidates in (40, 8):  # also where not all victims are among the candidates
        gallery = made(again, (VICTIMS, UNRELEASED, as_floats), candidates=candidates)
        assert len(set(numbers(gallery.images))) == len(gallery)
    gallery = made(again, (VICTIMS, as_floats, UNRELEASED), candidates=100)
    assert gallery.victims.tolist() == [0, 2]
    wanted = [0, 1, *range(2, 20), *range(100, 130)]
    assert sorted(numbers(gallery.images)) == [number for number in wanted if number % CLASSES in (0, 1)]


def test_others_are_of_the_victims_classes():
    two = Labelled(VICTIMS.images[:2], VICTIMS.labels[:2], CLASSES)
    assert set(made(two).labels.tolist()) == {0, 1}
    assert set(gallery_of(two, (UNRELEASED,), stream(0, "gallery"), any_class=True).labels.tolist()) == set(range(CLASSES))


def test_where_its_images_lie_says_nothing_and_the_stream_alone_decides():
    one, same, other = made(), made(), made(seed=1)
    assert torch.equal(one.images, same.images)
    assert torch.equal(one.places, same.places)
    assert not torch.equal(one.places, other.places)
    places = torch.cat([made(seed=seed).places for seed in range(50)]).double()
    assert float(places.mean()) == pytest.approx(59 / 2, abs=2)


def test_a_linker_s_answer_about_the_whole_release_is_ranked_for_the_victims_among_the_candidates():
    gallery = made(candidates=10)
    scores = torch.zeros(20, 10)
    scores[gallery.victims[:2], gallery.places[:2]] = 1.0
    found = gallery.ranked(scores)
    assert found.rank1.tolist() == pytest.approx([1, 1, 0.1, 0.1, 0.1])
    reason = NotApplicable("no features")
    assert gallery.ranked(reason) is reason


def test_what_the_label_tells_is_to_choose_among_those_of_the_same_class():
    gallery = made(candidates=40)
    alike = [gallery.labels.tolist().count(label) for label in (gallery.victims % CLASSES).tolist()]
    assert gallery.told_by_label().rank1.tolist() == pytest.approx([1 / count for count in alike])


def test_what_makes_no_gallery_is_refused():
    with pytest.raises(SettingError, match="at least 2, got 1"):
        made(candidates=1)
    with pytest.raises(DataError, match="got 0 and 0"):
        made(VICTIMS.take(torch.arange(0)))
    with pytest.raises(DataError, match="got 20 and 0"):
        made(others=())
    with pytest.raises(DataError, match="got 1 and 0"):
        made(VICTIMS.take(torch.tensor([0])), others=(numbered(101, 1),))


def test_of_what_is_made_up_a_victim_stands_out_where_some_part_is_nearer_to_it_than_any_is_to_others():
    gallery = made(candidates=10)
    others = 10 - len(gallery.victims)
    flat = gallery.stood_out(torch.zeros(7, 10))
    assert flat.candidates == others + 1
    assert flat.rank1.tolist() == pytest.approx([1 / (others + 1)] * len(gallery.victims))
    scores = torch.zeros(7, 10)
    scores[3, gallery.places[:2]] = 1.0  # one part of the release tells of two victims
    assert gallery.stood_out(scores).rank1.tolist() == pytest.approx([1, 1] + [1 / (others + 1)] * (len(gallery.victims) - 2))
    decoy = next(place for place in range(10) if place not in gallery.places)
    scores[5, decoy] = 2.0
    assert gallery.stood_out(scores).rank1.tolist() == [0] * len(gallery.victims)
    reason = NotApplicable("no features")
    assert gallery.stood_out(reason) is reason
