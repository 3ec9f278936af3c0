import pytest
import torch

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.methods.likeness import Likeness
from dpm_flower.methods.memorisation_gate import Guarded, MemorisationGate, memorised
from dpm_flower.metrics.copying import nearest, standardised
from dpm_flower.training.turning import all_ways

RNG = torch.Generator().manual_seed(0)
OWN, HELD_OUT = torch.rand(40, 3, 4, 4, generator=RNG), torch.rand(120, 3, 4, 4, generator=RNG)
LABELS = torch.arange(30) % 3


class Drawing:
    """Draws copies of own images for every `copied`-th of the first draw, and notes the labels that it was asked for."""

    def __init__(self, copied, *, again=False, faintness=1.0):
        self.copied, self.again, self.faintness, self.asked = copied, again, faintness, []

    def __call__(self, labels):
        self.asked.append(labels)
        images = torch.rand(len(labels), 3, 4, 4, generator=RNG)
        if self.again or len(self.asked) == 1:
            rows = torch.arange(0, len(labels), self.copied)
            images[rows] = 0.3 + self.faintness * 0.6 * OWN[rows % len(OWN)]
        return images


def test_copies_are_drawn_anew_with_their_labels_and_nothing_that_passes_is_near_an_own_image():
    drawing = Drawing(3)
    passed = MemorisationGate().passed(drawing, LABELS, OWN, HELD_OUT)
    assert torch.equal(drawing.asked[0], LABELS)
    assert set(torch.arange(0, 30, 3).tolist()) <= set((passed.first.memorised).nonzero().flatten().tolist())
    assert torch.equal(drawing.asked[1], LABELS[passed.first.memorised])
    threshold = nearest(standardised(HELD_OUT), standardised(OWN)).distances.quantile(0.05)
    assert bool((nearest(standardised(passed.images), standardised(OWN)).distances >= threshold).all())
    assert passed.figures["synthetic_memorised"] >= 1 / 3
    assert passed.figures["synthetic_nearest"] >= float(threshold)
    assert set(passed.figures) == {f"synthetic_{key}" for key in ("memorised", "nearest", "nearness", "membership_auc", "membership_tpr")}


def test_too_many_copies_let_nothing_pass():
    with pytest.raises(ReleaseError, match=r"30 of 30 synthetic images .* has memorised, wanted at most 50%"):
        MemorisationGate().passed(Drawing(1), LABELS, OWN, HELD_OUT)
    MemorisationGate(tolerated=1.0).passed(Drawing(1), LABELS, OWN, HELD_OUT)


def test_faint_copies_are_copies_and_faint_images_are_none():
    with pytest.raises(ReleaseError, match="30 of 30 synthetic images"):
        MemorisationGate().passed(Drawing(1, faintness=0.2), LABELS, OWN, HELD_OUT)
    faint = MemorisationGate().passed(lambda labels: 0.5 + 0.02 * torch.rand(len(labels), 3, 4, 4, generator=RNG), LABELS, OWN, HELD_OUT)
    assert faint.figures["synthetic_memorised"] < 0.3


def test_copies_that_come_again_and_again_let_nothing_pass():
    drawing = Drawing(4, again=True)
    with pytest.raises(ReleaseError, match=r"of 30 synthetic images .* has memorised after 3 redraws"):
        MemorisationGate(redraws=3).passed(drawing, LABELS, OWN, HELD_OUT)
    assert len(drawing.asked) == 4


@pytest.mark.parametrize(
    "knobs", [{"alpha": 0.0}, {"alpha": 1.0, "tolerated": 1.0}, {"tolerated": 0.01}, {"tolerated": 1.1}, {"redraws": 0}]
)
def test_knobs_that_cannot_work_are_refused(knobs):
    with pytest.raises(SettingError, match="0 < alpha < 1"):
        MemorisationGate(**knobs)


ALIKE = Likeness(by_channel=True, any_way=True)


def fresh(count):
    return torch.rand(count, 3, 6, 6, generator=RNG), torch.rand(count, 1, 6, 6, generator=RNG).round()


def test_of_pairs_either_copy_is_one_however_it_lies_and_whatever_its_tint():
    """The first pair's photograph and the second pair's mask are copies, turned; other photographs and masks are new."""
    own, held_out = fresh(30), fresh(120)
    guarded = [Guarded(name, *both, ALIKE) for name, both in zip(("photograph", "mask"), zip(own, held_out, strict=True), strict=True)]
    asked = []

    def draw(labels):
        asked.append(labels)
        images, masks = fresh(len(labels))
        if len(asked) == 1:
            images[0] = own[0][7].rot90(1, (1, 2)) * torch.tensor([0.9, 0.5, 0.3]).view(3, 1, 1)
            masks[1] = own[1][9].flip(2)
        return images, masks

    photographs, masks = MemorisationGate().passed_together(draw, LABELS, guarded)
    refused = memorised([photographs.first, masks.first])
    assert bool(photographs.first.memorised[0])
    assert bool(masks.first.memorised[1])
    assert torch.equal(asked[1], LABELS[refused])
    assert torch.equal(refused, photographs.first.memorised | masks.first.memorised)
    assert not bool(memorised([photographs.passed, masks.passed]).any())
    known = all_ways(ALIKE.form(own[0]))
    assert torch.allclose(photographs.passed.distances, nearest(ALIKE.form(photographs.images), known).distances)


@pytest.mark.parametrize("kind", [0, 1])
def test_copies_of_one_kind_alone_are_too_many(kind):
    own, held_out = fresh(30), fresh(120)
    guarded = [Guarded("photograph", own[0], held_out[0], ALIKE), Guarded("mask", own[1], held_out[1], ALIKE)]

    def draw(labels):
        made = list(fresh(len(labels)))
        made[kind] = own[kind][: len(labels)].rot90(2, (2, 3))
        return made

    with pytest.raises(ReleaseError, match=r"30 of 30 synthetic photographs or masks lie nearer to one of the own photographs or masks"):
        MemorisationGate().passed_together(draw, LABELS, guarded)
