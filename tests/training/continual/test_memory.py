import pytest
import torch

from dpm_flower.core.errors import ReleaseError, SettingError, TrainingError
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.payload.codec import as_received
from dpm_flower.training.continual.memory import NUMBERS_BYTES, Memory

FEATURES = torch.rand(12, 2, 6, 6, generator=stream(0, "features")) * 3
LABELS = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
ARRIVALS = torch.arange(12) + 100
BATCH = SharedFeatures(FEATURES, LABELS)
ROW = 2 * 2 * 6 * 6 + NUMBERS_BYTES


def memory(budget=None, owner="memory"):
    return Memory(budget, stream(0, owner))


def test_without_a_budget_all_is_kept_as_float16_in_its_order():
    kept = memory()
    assert kept.shared() is None
    kept.add(SharedFeatures(FEATURES[:5], LABELS[:5]), ARRIVALS[:5])
    kept.add(SharedFeatures(FEATURES[5:], LABELS[5:]), ARRIVALS[5:])
    shared = kept.shared()
    assert torch.equal(shared.features, FEATURES.half().float())
    assert torch.equal(shared.labels, LABELS)
    assert torch.equal(kept.arrivals, ARRIVALS)
    assert kept.size_bytes == 12 * ROW


def test_images_are_kept_as_bytes():
    images = torch.randint(256, (4, 3, 5, 5), generator=stream(0, "images"), dtype=torch.uint8)
    kept = memory()
    kept.add(SharedImages(images, LABELS[:4]), ARRIVALS[:4])
    assert isinstance(kept.shared(), SharedImages)
    assert torch.equal(kept.shared().images, images)
    assert kept.size_bytes == 4 * (3 * 5 * 5 + NUMBERS_BYTES)
    with pytest.raises(TrainingError, match=r"kept as bytes, got torch\.float32"):
        memory().add(SharedImages(images / 255, LABELS[:4]), ARRIVALS[:4])


def test_a_budget_is_met_by_taking_from_the_class_that_has_most():
    kept = memory(budget=7 * ROW)
    kept.add(BATCH, ARRIVALS)
    assert kept.size_bytes == 7 * ROW
    assert sorted(torch.bincount(kept.shared().labels).tolist()) == [2, 2, 3]
    kept.add(SharedFeatures(FEATURES[:6], torch.full((6,), 3)), ARRIVALS[:6] + 50)
    assert sorted(torch.bincount(kept.shared().labels).tolist()) == [1, 2, 2, 2]
    assert len(kept) == 7
    assert kept.size_bytes == 7 * ROW


def test_what_stays_is_what_came_and_the_stream_decides_what():
    found = []
    for owner in ("one", "one", "other"):
        kept = memory(5 * ROW, owner)
        kept.add(BATCH, ARRIVALS)
        assert torch.equal(kept.shared().features, FEATURES[kept.arrivals - 100].half().float())
        assert torch.equal(kept.shared().labels, LABELS[kept.arrivals - 100])
        found.append(kept.arrivals.tolist())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("codec", ["webp", "avif-60", "webp-4bit"])
def test_in_a_codec_it_gives_back_what_a_release_of_each_would(codec):
    kept = memory()
    kept.add(SharedFeatures(FEATURES, LABELS, codec), ARRIVALS)
    wanted = torch.cat([as_received(SharedFeatures(each[None], LABELS[:1], codec)).features for each in FEATURES])
    assert torch.equal(kept.shared().features, wanted)
    assert kept.shared().codec == ""
    assert float((kept.shared().features - FEATURES).abs().max()) < 0.7
    few = memory()
    few.add(SharedFeatures(FEATURES[:3], LABELS[:3], codec), ARRIVALS[:3])
    assert 0 < few.size_bytes < kept.size_bytes


def test_coded_rows_go_one_by_one_too():
    whole = memory()
    whole.add(SharedFeatures(FEATURES, LABELS, "webp"), ARRIVALS)
    half = memory(whole.size_bytes // 2)
    half.add(SharedFeatures(FEATURES, LABELS, "webp"), ARRIVALS)
    assert 0 < len(half) < 12
    assert half.size_bytes <= whole.size_bytes // 2
    assert torch.equal(half.shared().features, whole.shared().features[half.arrivals - 100])


def test_a_coded_smooth_map_takes_fewer_bytes_than_numbers():
    smooth = torch.linspace(0, 1, 24).expand(3, 4, 24, 24).contiguous()
    coded, plain = memory(), memory()
    coded.add(SharedFeatures(smooth, LABELS[:3], "webp"), ARRIVALS[:3])
    plain.add(SharedFeatures(smooth, LABELS[:3]), ARRIVALS[:3])
    assert coded.size_bytes < plain.size_bytes / 5


def test_what_cannot_be_kept_is_refused():
    kept = memory()
    kept.add(BATCH, ARRIVALS)
    for other in (
        SharedFeatures(FEATURES[:, :1], LABELS),
        SharedFeatures(FEATURES, LABELS, "webp"),
        SharedImages(torch.zeros(12, 3, 5, 5, dtype=torch.uint8), LABELS),
    ):
        with pytest.raises(TrainingError, match="wanted more of"):
            kept.add(other, ARRIVALS)
    with pytest.raises(TrainingError, match="model update"):
        memory().add(ModelUpdate({}, 3), ARRIVALS)
    with pytest.raises(ReleaseError, match="finite"):
        memory().add(SharedFeatures(FEATURES / 0, LABELS), ARRIVALS)
    with pytest.raises(ReleaseError, match="may reach"):
        memory().add(SharedFeatures(FEATURES * 1e6, LABELS), ARRIVALS)
    with pytest.raises(SettingError, match="at least 1 byte"):
        memory(0)
    assert torch.equal(kept.arrivals, ARRIVALS)
