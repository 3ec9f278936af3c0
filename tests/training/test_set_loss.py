import itertools

import pytest
import torch
from torchvision.ops import box_convert

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics.box_precision import box_precision
from dpm_flower.nets.pevit import VisionTransformer, VitSize
from dpm_flower.nets.yolos import Answers, Yolos
from dpm_flower.training.detection import BoxedExamples, detections, train_detector
from dpm_flower.training.set_loss import SetDetector, SetLoss
from tests.training.toys import CPU

SIZE = (20, 40)


def answers(seed, images=2, tokens=4, classes=2):
    rng = stream(seed, "answers")
    centres, sides = torch.rand(images, tokens, 2, generator=rng), 0.1 + 0.4 * torch.rand(images, tokens, 2, generator=rng)
    return Answers(torch.randn(images, tokens, 1 + classes, generator=rng), torch.cat([centres, sides], 2))


def targets(seed, counts=(3, 2), classes=2):
    rng = stream(seed, "targets")
    found = []
    for count in counts:
        start = torch.rand(count, 2, generator=rng) * torch.tensor([25.0, 10.0])
        boxes = torch.cat([start, start + 3 + torch.rand(count, 2, generator=rng) * 7], 1)
        found.append({"boxes": boxes, "labels": torch.randint(1, 1 + classes, (count,), generator=rng)})
    return found


def slow_cost(logits, box, corners, label):
    """What one match costs, number by number; both boxes as shares of the image."""
    height, width = SIZE
    x0, y0, x1, y1 = (value / length for value, length in zip(corners.tolist(), (width, height, width, height), strict=True))
    cx, cy, w, h = box.tolist()
    distance = abs(cx - (x0 + x1) / 2) + abs(cy - (y0 + y1) / 2) + abs(w - (x1 - x0)) + abs(h - (y1 - y0))
    a0, b0, a1, b1 = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
    both = max(0.0, min(a1, x1) - max(a0, x0)) * max(0.0, min(b1, y1) - max(b0, y0))
    union = w * h + (x1 - x0) * (y1 - y0) - both
    hull = (max(a1, x1) - min(a0, x0)) * (max(b1, y1) - min(b0, y0))
    return -logits.softmax(0)[label].item() + 5 * distance - 2 * (both / union - (hull - union) / hull)


@pytest.mark.parametrize("seed", range(5))
def test_matching_is_the_best_of_all(seed):
    said, true = answers(seed), targets(seed)
    pairs = SetLoss().matched(said, true, SIZE)
    for logits, boxes, target, (tokens, chosen) in zip(said.logits, said.boxes, true, pairs, strict=True):
        costs = [[slow_cost(a, b, *thing) for thing in zip(*target.values(), strict=True)] for a, b in zip(logits, boxes, strict=True)]
        ways = itertools.permutations(range(4), len(target["labels"]))
        least = min(sum(costs[token][thing] for thing, token in enumerate(way)) for way in ways)
        assert sorted(chosen.tolist()) == list(range(len(target["labels"])))
        assert sum(costs[token][thing] for token, thing in zip(tokens.tolist(), chosen.tolist(), strict=True)) == pytest.approx(
            least, abs=1e-5
        )


def right_answers(true, tokens=4, classes=2, sure=8.0):
    """Tokens that say exactly what is there, in another order than it is told, and nothing beyond."""
    logits, boxes = torch.zeros(len(true), tokens, 1 + classes), torch.full((len(true), tokens, 4), 0.5)
    logits[..., 0] = sure
    height, width = SIZE
    for row, target in enumerate(true):
        for thing, (corners, label) in enumerate(zip(*target.values(), strict=True)):
            token = tokens - 1 - thing
            logits[row, token] = sure * torch.nn.functional.one_hot(label, 1 + classes)
            boxes[row, token] = box_convert(corners / torch.tensor([width, height, width, height]), "xyxy", "cxcywh")
    return Answers(logits, boxes)


def total(said, true):
    return float(sum(SetLoss()(said, true, SIZE).values()))


def test_the_loss_is_least_for_the_right_boxes_and_classes():
    true = targets(0)
    best = right_answers(true)
    found = SetLoss()(best, true, SIZE)
    assert float(found["distance"]) == pytest.approx(0.0, abs=1e-5)
    assert float(found["overlap"]) == pytest.approx(0.0, abs=1e-4)
    for seed in range(10):
        moved = (best.boxes + 0.02 * torch.randn(best.boxes.shape, generator=stream(seed))).clamp(0.01, 0.99)
        assert total(Answers(best.logits, moved), true) > total(best, true) + 0.01
    swapped = best.logits.clone()
    swapped[0, -1] = swapped[0, -1].roll(1)
    assert total(Answers(swapped, best.boxes), true) > total(best, true) + 0.1


def test_the_order_of_tokens_and_of_things_changes_nothing():
    said, true = answers(1), targets(1)
    order = torch.tensor([2, 0, 3, 1])
    turned = Answers(said.logits[:, order], said.boxes[:, order])
    assert total(turned, true) == pytest.approx(total(said, true), abs=1e-5)
    other = [{key: values.flip(0) for key, values in each.items()} for each in true]
    assert total(said, other) == pytest.approx(total(said, true), abs=1e-5)


def test_the_losses_are_those_of_the_definition():
    said, true = answers(2), targets(2)
    loss = SetLoss(label=2.0, distance=3.0, overlap=4.0, nothing=0.5)
    pairs = loss.matched(said, true, SIZE)
    wanted = {"label": 0.0, "distance": 0.0, "overlap": 0.0}
    weight = 0.0
    for row, (tokens, chosen) in enumerate(pairs):
        of = dict(zip(tokens.tolist(), chosen.tolist(), strict=True))
        for token in range(4):
            label = int(true[row]["labels"][of[token]]) if token in of else 0
            wanted["label"] -= (1.0 if label else 0.5) * said.logits[row, token].log_softmax(0)[label].item()
            weight += 1.0 if label else 0.5
        for token, thing in of.items():
            corners, label = true[row]["boxes"][thing], int(true[row]["labels"][thing])
            shares = box_convert(corners / torch.tensor([40.0, 20.0, 40.0, 20.0]), "xyxy", "cxcywh")
            distance = (said.boxes[row, token] - shares).abs().sum().item()
            cost = slow_cost(said.logits[row, token], said.boxes[row, token], corners, label)
            overlap = (5 * distance - said.logits[row, token].softmax(0)[label].item() - cost) / 2
            wanted["distance"] += 3 * distance / 5
            wanted["overlap"] += 4 * (1 - overlap) / 5
    wanted["label"] *= 2 / weight
    found = loss(said, true, SIZE)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(wanted, abs=1e-4)


def test_images_without_things_and_with_more_than_tokens_have_a_loss():
    said = answers(3)
    for counts in ((0, 0), (0, 2), (6, 1)):
        found = SetLoss()(said, targets(3, counts), SIZE)
        assert all(bool(value.isfinite()) for value in found.values())
    assert float(SetLoss()(said, targets(3, (0, 0)), SIZE)["distance"]) == 0.0


def test_answers_that_are_no_numbers_give_a_loss_that_is_none():
    said = answers(4)
    lost = Answers(said.logits, said.boxes * float("nan"))
    assert not bool(SetLoss()(lost, targets(4), SIZE)["distance"].isfinite())


def test_what_cannot_be_is_refused():
    with pytest.raises(SettingError, match="weights above 0"):
        SetLoss(nothing=0.0)
    with pytest.raises(ShapeError, match="boxes of 2 images, got those of 1"):
        SetLoss()(answers(0), targets(0)[:1], SIZE)
    with pytest.raises(ShapeError, match="boxes of 2 images to train with, got none"):
        tiny()(torch.zeros(2, 3, 16, 16))


def tiny():
    with global_generator_from(stream(0, "tiny")):
        return SetDetector(Yolos(VisionTransformer(16, 4, 1, "learned", VitSize(24, 2, 2)), 2, 4))


def test_a_tiny_detector_fits_two_images():
    images = torch.full((2, 3, 16, 16), 0.1)
    images[0, :, 2:8, 1:7] = 0.9
    images[0, 0, 9:14, 8:15] = 0.9
    images[1, :, 6:13, 6:15] = 0.9
    boxes = (torch.tensor([[1.0, 2, 7, 8], [8, 9, 15, 14]]), torch.tensor([[6.0, 6, 15, 13]]))
    labels = (torch.tensor([0, 1]), torch.tensor([0]))
    truth = Boxed(images, boxes, labels, ("white", "red"))
    network = tiny()
    assert box_precision(detections(network, images, CPU), truth).map50 < 0.5
    fitting = Fitting(steps=120, batch_size=2, learning_rate=3e-3)
    train_detector(network, BoxedExamples.of(truth), fitting, compute=CPU, rng=stream(0, "fit"), work="detector")
    assert box_precision(detections(network, images, CPU), truth).map50 == pytest.approx(1.0)
