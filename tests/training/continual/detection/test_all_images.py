import torch

from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.shared import SharedImages
from dpm_flower.training.continual.detection import all_images
from dpm_flower.training.continual.detection.all_images import AllBoxedImages
from tests.training.continual.detection.days import DAY, FEW, WARM_UP, beginning


def test_all_images_stay_as_bytes_with_their_boxes_and_all_are_learnt_from(monkeypatch):
    given = []
    monkeypatch.setattr(all_images, "learn", lambda network, examples, *_, **__: given.append(examples))
    learner = AllBoxedImages(fitting=FEW).start(beginning())
    assert learner.kept.size_bytes == 0
    learner.warmed(WARM_UP)
    assert not given
    learner.day(DAY)
    kept, images = learner.kept, as_bytes(torch.cat([WARM_UP.images, DAY.images]))
    assert isinstance(kept.shared, SharedImages)
    assert torch.equal(kept.shared.images, images)
    assert torch.equal(given[0].inputs, images)
    assert all(torch.equal(*pair) for pair in zip(given[0].boxes, WARM_UP.boxes + DAY.boxes, strict=True))
    assert torch.equal(kept.arrivals, torch.arange(11))
    things = sum(len(each) for each in WARM_UP.boxes + DAY.boxes)
    assert kept.size_bytes == 11 * 3 * 32 * 40 + things * (4 * 4 + 8)
