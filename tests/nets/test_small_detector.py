import pytest
import torch

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.small_detector import small_faster_rcnn


def test_equal_streams_make_equal_detectors_that_find_boxes_inside_the_image():
    first, second = (small_faster_rcnn(8, 2, (32, 48), stream(0, "detector")) for _ in range(2))
    assert tensors_digest(first.state_dict()) == tensors_digest(second.state_dict())
    with torch.no_grad():
        (found,) = first.eval()([torch.rand(3, 32, 48, generator=stream(0, "image"))])
    assert found["boxes"].shape[1] == 4
    assert set(found["labels"].tolist()) <= {1, 2}
    assert len(found["boxes"]) == 0 or float(found["boxes"].max()) <= 48


@pytest.mark.parametrize(("classes", "size"), [(0, (32, 32)), (1, (30, 32)), (1, (32, 16))])
def test_what_it_cannot_read_is_refused(classes, size):
    with pytest.raises(SettingError, match="wanted at least one class and sides"):
        small_faster_rcnn(8, classes, size, stream(0))
