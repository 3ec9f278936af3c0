import numpy as np
import pytest
import torch

from dpm_flower.payload.avif_still import bitstream
from dpm_flower.studies.trials.picture_files import beginning, picture_file, picture_of, released_bytes
from tests.training.toys import pictures

COUNT = 24
IMAGES = [np.ascontiguousarray(image) for image in (255 * pictures(COUNT).images).byte().permute(0, 2, 3, 1).numpy()]
LABELS = torch.arange(COUNT) % 4
ENVELOPE = 512  # of safetensors, with room


def test_a_jpeg_shows_the_same_with_its_own_tables_and_with_the_standards():
    own, standard = (picture_file(IMAGES[0], "JPEG", 50, own_tables=tables) for tables in (True, False))
    assert len(own) < len(standard)
    assert torch.equal(picture_of(own), picture_of(standard))


@pytest.mark.parametrize(
    ("streams", "wanted"),
    [([b"abc", b"abd", b"ab"], b"ab"), ([b"x"], b"x"), ([b"x", b"y"], b""), ([b"aa", b"aab"], b"aa"), ([b"", b"a"], b"")],
)
def test_what_all_begin_with_is_found(streams, wanted):
    assert beginning(streams) == wanted


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_a_release_of_pictures_counts_tables_and_headers_once_and_every_pictures_own_part(kind):
    files = [picture_file(image, kind, 50, own_tables=False) for image in IMAGES]
    streams = files if kind == "JPEG" else [bitstream(file) for file in files]
    head = len(beginning(streams))
    own = sum(map(len, streams)) - COUNT * head
    found = released_bytes(IMAGES, LABELS, kind, 50)
    assert own + head - ENVELOPE < found < own + head + 8 * COUNT + ENVELOPE
    assert found < sum(map(len, files)) / 2
    assert released_bytes(IMAGES, LABELS, kind, 90) > found


def test_one_more_picture_costs_what_is_its_own():
    few, more = (released_bytes(IMAGES[:count], LABELS[:count], "JPEG", 50) for count in (COUNT - 1, COUNT))
    last = picture_file(IMAGES[-1], "JPEG", 50, own_tables=False)
    assert 0 < more - few < len(last) - 500  # of a file with the standard's tables, 623 bytes are alike in all
