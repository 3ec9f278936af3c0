from dataclasses import replace

from dpm_flower.studies.attack_heatmap import disclosed_of, heatmap
from dpm_flower.studies.report import report_html
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes

FIGURES = {"disclosed_p": 0.01, "A2.x.disclosed_p": 0.3, "A4.disclosed_p": 1.2, "headline_p": 0.31}


def results(figures):
    some = [replace(one, quality={**one.quality, **figures}) if one.arm == "poisoned" else one for one in outcomes()]
    return results_of(STUDY, some, FACTS)


def test_arms_with_attacks_stand_against_their_attackers_the_headline_last():
    found = disclosed_of(results(FIGURES).rows)
    assert found.arms == ("poisoned",)
    assert found.attackers == ("A0", "A2.x", "A4", "headline")
    assert [one.mean for one in found.fractions[0]] == [0.01, 0.3, 1.2, 0.31]


def test_an_attacker_that_was_not_shown_able_leaves_its_field_empty():
    found = disclosed_of(results({key: value for key, value in FIGURES.items() if key != "disclosed_p"}).rows)
    assert found.fractions[0][0] is None
    assert heatmap(found, kind="png").startswith(b"\x89PNG")


def test_without_attackers_of_its_own_a_run_has_no_picture():
    assert disclosed_of(results({"disclosed_p": 0.0, "headline_p": 0.0}).rows) is None


def test_the_report_shows_it_and_says_its_figures_in_words():
    page = report_html(results(FIGURES))
    assert "Disclosed fraction by attacker" in page
    assert "poisoned: A0 0.01 ± 0.00, A2.x 0.30 ± 0.00, A4 1.20 ± 0.00, headline 0.31 ± 0.00" in page
    assert "Disclosed fraction by attacker" not in report_html(results({}))


def test_the_same_figures_give_the_same_bytes():
    found = disclosed_of(results(FIGURES).rows)
    assert heatmap(found) == heatmap(found)
