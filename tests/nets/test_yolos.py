import pytest
import torch

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.encryption import Mixing
from dpm_flower.nets.pevit import VisionTransformer, VitSize
from dpm_flower.nets.yolos import Answers, Yolos, detected

IMAGES = torch.rand(3, 3, 16, 16, generator=stream(0))


def classifier(positions="learned"):
    with global_generator_from(stream(0, "vit")):
        return VisionTransformer(16, 4, 5, positions, VitSize(12, 2, 3))


def build(tokens=6, classes=2, body=None):
    with global_generator_from(stream(0, "yolos")):
        return Yolos(body or classifier(), classes, tokens)


def test_each_token_says_classes_and_a_box_within_the_image():
    answers = build()(IMAGES)
    assert answers.logits.shape == (3, 6, 3)
    assert answers.boxes.shape == (3, 6, 4)
    assert bool(((answers.boxes > 0) & (answers.boxes < 1)).all())
    assert build()(Mixing(patch=4)(IMAGES, stream(1))).boxes.shape == (3, 6, 4)


def test_every_parameter_learns_and_the_blocks_are_the_classifiers_own():
    body = classifier()
    network = build(body=body)
    answers = network(IMAGES)
    (answers.logits.logsumexp(2).sum() + answers.boxes.square().sum()).backward()
    assert all(parameter.grad is not None and float(parameter.grad.abs().max()) > 0 for parameter in network.parameters())
    assert network.blocks is body.blocks
    assert {name for name in network.state_dict() if name in body.state_dict()} == {
        name for name in body.state_dict() if not name.startswith(("answer", "head"))
    }


def test_images_do_not_look_at_each_other_and_tokens_have_no_order():
    network = build().eval()
    with torch.no_grad():
        whole, one = network(IMAGES), network(IMAGES[1:2])
        network.tokens.copy_(network.tokens.flip(0))
        turned = network(IMAGES)
    assert torch.allclose(whole.boxes[1:2], one.boxes, atol=1e-5)
    assert torch.allclose(turned.boxes.flip(1), whole.boxes, atol=1e-5)


def test_where_patches_lie_matters_with_positions_only():
    for positions, matters in (("learned", True), ("none", False)):
        body = classifier(positions)
        for parameter in body.placing.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        network = build(body=body).eval()
        with torch.no_grad():
            apart = (network(IMAGES).boxes - network(IMAGES.roll(4, 3)).boxes).abs().max()
        assert (float(apart) > 1e-4) == matters


def test_detections_are_sorted_and_in_pixels_and_labels_count_from_one():
    logits = torch.tensor([[[2.0, 0.0, 1.0], [0.0, 5.0, 0.0]]])
    answers = Answers(logits, torch.tensor([[[0.5, 0.5, 0.5, 0.25], [0.9, 0.5, 0.4, 1.0]]]))
    (found,) = detected(answers, (20, 10))
    assert found["labels"].tolist() == [1, 2]
    assert torch.allclose(found["boxes"], torch.tensor([[7.0, 0.0, 10.0, 20.0], [2.5, 7.5, 7.5, 12.5]]))
    assert torch.allclose(found["scores"], torch.stack([logits[0, 1].softmax(0)[1], logits[0, 0].softmax(0)[2]]))


def test_what_cannot_be_is_refused():
    for knobs in ({"tokens": 0}, {"classes": 0}):
        with pytest.raises(SettingError, match="at least one class and one token"):
            build(**knobs)
    with pytest.raises(ShapeError, match=r"wanted images \(B, 3, 16, 16\)"):
        build()(IMAGES[..., :12])
