"""The section [inbox] of a site file is read strictly: every mistake names file, section and key."""

import pytest

from dpm_flower.core.errors import SettingError
from dpm_flower.data.retention.policy import RetentionPolicy
from dpm_flower.regime.inbox_place import InboxPlace
from dpm_flower.regime.site_file import read_site_file
from tests.data.retention.fakes import DAY
from tests.regime.test_site_file import WHOLE

DATA = '[data]\nimages = "scans"\npublic = "public"\n'
INBOX = '[inbox]\nstore = "store-of-images"\nclasses = ["cat", "dog"]\nwarm_up = 500\n'


def read(folder, text):
    path = folder / "site.toml"
    path.write_text(WHOLE + text)
    return read_site_file(path)


def test_a_section_says_where_images_go_and_how_long_they_live(tmp_path):
    assert read(tmp_path, "").inbox is None
    place = read(tmp_path, DATA + INBOX).inbox
    assert (place.store, place.classes, place.networks) == (tmp_path / "store-of-images", ("cat", "dog"), None)
    assert place.policy == RetentionPolicy(ttl_s=DAY, warm_up_ttl_s=30 * DAY, warm_up_items=500)
    place = read(tmp_path, DATA + INBOX.replace("warm_up = 500", 'networks = "nets.safetensors"')).inbox
    assert (place.networks, place.policy) == (tmp_path / "nets.safetensors", RetentionPolicy(ttl_s=DAY, warm_up_ttl_s=DAY))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (INBOX, "inbox: wanted a section data with images and public"),
        (DATA.replace('public = "public"\n', "") + INBOX, "wanted a section data with images and public"),
        (DATA + INBOX.replace('store = "store-of-images"\n', ""), "inbox: lacks store"),
        (DATA + INBOX.replace("warm_up = 500", "warm_up = 1"), "either networks or at least 2 images as warm_up, got no networks and 1"),
        (DATA + INBOX + 'networks = "n"\n', "either networks or .* got networks and 500"),
        (DATA + INBOX + 'day_ends = "24:00"\n', "inbox: day_ends is a time of day in UTC"),
        (DATA + INBOX + "ttl_s = 0\n", "inbox: ttl_s must be at least 1"),
        (DATA + INBOX + "warm_up_ttl_s = 3600\n", "inbox: warm_up_ttl_s must not be below ttl_s"),
        (DATA + INBOX + "reserve_s = 59\n", "inbox: reserve_s must be at least 60 and below ttl_s, 86400, got 59"),
        (DATA + INBOX + "reserve_s = 86400\n", "inbox: reserve_s must be at least 60 and below"),
        (DATA + INBOX + "side = 10\n", "inbox: side must be at least 11, got 10"),
        (DATA + INBOX + "refine_every = 0\n", "inbox: refine_every must be at least 1"),
        (DATA + INBOX + "grace_s = -1\n", "inbox: grace_s must be at least 0"),
        (DATA + INBOX + "kept_ttl_s = 0\n", "inbox: kept_ttl_s must be at least 1"),
        (DATA + INBOX.replace('"dog"', '"cat"'), "at least 2 different names"),
        (DATA + INBOX.replace('"dog"', '"a/b"'), "a class is the name of a folder"),
        (DATA + INBOX.replace('"dog"', '"rejected"'), "a class is the name of a folder"),
        (DATA + INBOX + "ttl_h = 24\n", "inbox: unknown keys ttl_h"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, told):
    with pytest.raises(SettingError, match=told):
        read(tmp_path, text)


def test_the_last_end_of_a_day_is_never_ahead_and_less_than_a_day_ago(tmp_path):
    place = InboxPlace(store=tmp_path, classes=("a", "b"), warm_up=2, day_ends="18:30")
    end = 10 * DAY + 18 * 3600 + 1800
    assert [place.last_end(now) for now in (end - 1, end, end + 1, end + DAY - 1)] == [end - DAY, end, end, end]


BOXES = INBOX + 'task = "detection"\nbackbone = "resnet8"\n'


def test_a_section_says_that_things_are_to_be_found(tmp_path):
    place = read(tmp_path, DATA + INBOX).inbox
    assert (place.task, place.size) == ("classification", (32, 32))
    place = read(tmp_path, DATA + BOXES + "height = 120\nwidth = 160\n").inbox
    assert (place.task, place.size) == ("detection", (120, 160))
    place = read(tmp_path, DATA + BOXES.replace('"cat", "dog"', '"ring/form"') + "side = 64\n").inbox
    assert (place.classes, place.size) == (("ring/form",), (64, 64))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (INBOX + 'task = "segmentation"\n', 'task must be "classification" or "detection", got .segmentation'),
        (INBOX + "height = 120\nwidth = 160\n", "images of classification are squares of side pixels"),
        (BOXES + "height = 120\n", "wanted height and width, or neither, got 120 and 0"),
        (BOXES + "height = -1\nwidth = -1\n", "wanted height and width, or neither, got -1 and -1"),
        (BOXES.replace('"cat", "dog"', ""), "classes must be at least 1 different names"),
        (BOXES.replace('"cat", "dog"', '"cat", "cat"'), "classes must be at least 1 different names"),
        (BOXES.replace('"dog"', '""'), "wanted what names a class of things"),
    ],
)
def test_a_mistake_in_what_is_to_be_found_is_named(tmp_path, text, told):
    with pytest.raises(SettingError, match=told):
        read(tmp_path, DATA + text)
