import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.level import Level
from dpm_flower.studies.attack_heatmap import disclosed_of, heatmap
from dpm_flower.studies.report import report_html
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes

FIGURES = {"disclosed_p": 0.01, "A2.x.disclosed_p": 0.3, "A4.disclosed_p": 1.2, "headline_p": 0.31}


def results(figures):
    some = [replace(one, quality={**one.quality, **figures}) if one.arm == "poisoned" else one for one in outcomes()]
    return results_of(STUDY, some, FACTS)


def test_arms_with_attacks_stand_against_their_attackers_those_beside_the_headline_after_it():
    found = disclosed_of(results(FIGURES).rows)
    assert found.arms == ("poisoned",)
    assert found.attackers == ("A0", "A2.x", "headline", "A4 (beside)")
    assert [one.mean for one in found.fractions[0]] == [0.01, 0.3, 0.31, 1.2]


@pytest.mark.parametrize("level", Level)
def test_who_has_more_of_the_victim_than_its_release_is_marked_and_nobody_else(level):
    names = (f"{level.name}.x4", f"{level.name}.y")
    found = disclosed_of(results({"headline_p": 0.5, **{f"{name}.disclosed_p": 0.4 for name in names}}).rows)
    beside = level in (Level.A3, Level.A4)
    assert found.attackers == (("A0", "headline", *(f"{name} (beside)" for name in names)) if beside else ("A0", *names, "headline"))


def test_a_name_without_a_level_is_shown_as_it_is():
    assert disclosed_of(results({"A34.disclosed_p": 0.4, "own.A4.disclosed_p": 0.4}).rows).attackers == ("A0", "A34", "own.A4", "headline")


def test_an_attacker_that_was_not_shown_able_leaves_its_field_empty():
    found = disclosed_of(results({key: value for key, value in FIGURES.items() if key != "disclosed_p"}).rows)
    assert found.fractions[0][0] is None
    assert heatmap(found, kind="png").startswith(b"\x89PNG")


def test_without_attackers_of_its_own_a_run_has_no_picture():
    assert disclosed_of(results({"disclosed_p": 0.0, "headline_p": 0.0}).rows) is None


def test_the_report_shows_it_and_says_its_figures_in_words():
    page = report_html(results(FIGURES))
    assert "Disclosed fraction by attacker" in page
    assert "poisoned: A0 0.01 ± 0.00, A2.x 0.30 ± 0.00, headline 0.31 ± 0.00, A4 (beside) 1.20 ± 0.00" in page
    assert "Disclosed fraction by attacker" not in report_html(results({}))


@pytest.mark.parametrize("names", [("A4",), ("A2.x4.residual.public", "A3.k16.windowed.public", "A4.x4.public+own"), ("A3.k4",) * 8])
def test_names_end_within_the_picture(names):
    figures = {f"{name}{number}.disclosed_p": 0.3 for number, name in enumerate(names)}
    image = np.asarray(Image.open(io.BytesIO(heatmap(disclosed_of(results(figures).rows), kind="png"))).convert("L"))
    assert image.shape[1] == 1000
    assert bool((image[:, -4:] == 255).all())
    assert not bool((image[:, -400:] == 255).all())


def test_the_same_figures_give_the_same_bytes():
    found = disclosed_of(results(FIGURES).rows)
    assert heatmap(found) == heatmap(found)
