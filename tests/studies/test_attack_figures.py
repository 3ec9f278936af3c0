from dataclasses import replace

from dpm_flower.studies.attack_figures import PUBLIC, attack_lines
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes

FIGURES = {"A1.plain-2-x4.ssim_z": 0.6, "A1.plain-2-x4.ssim_p": 0.1, "A1.plain-2-x4.windowed_ssim_p": 0.2, "A2.x.y.l1_p": 0.5}
FIGURES |= {"A2.x.y.structure_z": 0.9, "A2.x.y.structure_p": 0.3, "A2.x.y.edge_z": 0.7, "A3.z.perceptual_p": 0.4}


def rows(figures):
    some = [replace(one, quality={**one.quality, **figures}) if one.arm == "poisoned" else one for one in outcomes()]
    return results_of(STUDY, some, FACTS).rows


def test_each_attack_of_an_arm_has_one_line_after_the_public_reconstructor():
    lines = attack_lines(rows(FIGURES))
    assert [(line.arm, line.attack) for line in lines] == [("poisoned", name) for name in (PUBLIC, "A1.plain-2-x4", "A2.x.y", "A3.z")]
    assert lines[0].texts[0] == "0.70 → 0.10"
    assert lines[1].texts == ("0.60 → 0.10", "– → 0.20", "–", "–", "–", "–")
    assert lines[2].texts == ("–", "–", "0.90 → 0.30", "0.70 → –", "–", "– → 0.500")
    assert lines[3].texts == ("–", "–", "–", "–", "– → 0.40", "–")


def test_with_spread_both_sides_have_theirs():
    assert attack_lines(rows(FIGURES), spread=True)[1].texts[0] == "0.60 ± 0.00 → 0.10 ± 0.00"


def test_without_attacks_there_are_no_lines(results):
    assert attack_lines(results.rows) == ()
    assert attack_lines(rows({"ssim_p_p95": 0.3, "A1.x.ssim_p_p95": 0.4})) == ()
