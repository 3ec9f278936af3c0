import re
from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import ShapeError, StudyError
from dpm_flower.regime.inferring import AttributeLeak, InferredAttribute
from dpm_flower.regime.leakage import AttackLeak, Chance, Fraction, Leakage, ScoreLeak
from dpm_flower.regime.linking import LinkLeak
from dpm_flower.studies.leakage_report import FOUND, HEADS, MEMBERS, leakage_html, sentence
from dpm_flower.studies.own_audits import LEAKAGES, OwnAudit

SCORE = ScoreLeak(floor=0.11, release=0.22, release_p95=0.5, raw=0.88)
MEAN = Fraction(value=0.142, low=0.1, high=None, score="edge", attacker="A2")
P95 = Fraction(value=0.306, low=0.2, high=0.4, score="ssim", attacker="A0")


def attack(name, **changes):
    leak = AttackLeak(
        name=name,
        knows="the recipe",
        in_headline=True,
        images=30,
        scores=dict.fromkeys(HEADS, SCORE),
        mean=MEAN,
        p95=P95,
        reason="",
        seconds=12.4,
        worst=(3, 1),
    )
    return replace(leak, **changes)


CHANCE = Chance(0.02, 0.26)
AUDIT = Leakage(
    study="small <b>",
    seed=1,
    campaign="c-0",
    entity="hospital-a",
    method="deep-poisoning",
    images=30,
    own_images=7,
    mean=MEAN,
    p95=P95,
    chance=CHANCE,
    attacks=(attack("A2"), attack("A4", in_headline=False, mean=None, p95=None, reason="raw features come no nearer than the label")),
    seconds=25.0,
)
PICTURES = {f"{name}.worst.{what}": torch.rand(2, 3, 12, 12) for name in ("A2", "A4") for what in ("originals", "p")}


def own(leakage=AUDIT, pictures=PICTURES, again=0):
    return OwnAudit(release="r", again=again, leakage=leakage, pictures=pictures)


def remarks(page):
    """A page's attacks -> by name the words at the end of their rows."""
    return dict(re.findall(r'<tr><th class="text" scope="row">(.*?)</th>.*?<td class="words">(.*?)</td></tr>', page, re.DOTALL))


def test_the_page_says_all_of_an_audit_and_fetches_nothing():
    page = leakage_html([own()])
    for said in (
        "hospital-a",
        "small &lt;b&gt;",
        "0.14 [0.10, –]",
        "0.31 [0.20, 0.40]",
        "0.02, 0.26",
        "0.11 · 0.22 · 0.88",
        "beside the headline",
        "Empirical",
    ):
        assert said in page, said
    assert "raw features come no nearer than the label" in page
    assert page.count("data:image/png") == 4  # one grid for each attacker, for light and for dark paper
    assert "http" not in page.replace("http-equiv", "")


def test_beside_the_headline_stand_those_attacks_alone_that_do_not_count_in_it():
    attacks = (attack("A2"), attack("A4", in_headline=False), attack("A1", reason="why"), attack("A3", in_headline=False, reason="why"))
    pictures = {f"{one.name}.worst.{what}": torch.rand(1, 3, 12, 12) for one in attacks for what in ("originals", "p")}
    found = remarks(leakage_html([own(replace(AUDIT, attacks=attacks), pictures)]))
    beside = "has more of the victim than its release: beside the headline"
    assert found == {"A2": "", "A4": beside, "A1": "why", "A3": f"{beside}; why"}


def test_who_had_nothing_to_learn_from_is_said_to_do_what_everybody_can():
    attacks = (attack("A2", unlearnt="it is <made up>"), attack("A4", in_headline=False))
    links = (replace(LINK, name="L1", unlearnt="it is <made up>"), LINK)
    page = leakage_html([own(replace(AUDIT, attacks=attacks, links=links))])
    assert remarks(page)["A2"] == "had nothing to learn from (it is &lt;made up&gt;): this is what everybody can do"
    assert "learn" not in remarks(page)["A4"]
    assert page.count("L1 had nothing to learn from (it is &lt;made up&gt;): it looked for what is nearest") == 1
    assert "L1.nearest had nothing" not in page


def test_a_later_audit_stands_below_the_first_under_a_name_of_its_own():
    page = leakage_html([own(), own(replace(AUDIT, images=77), again=2)])
    assert re.findall("<h2>(.*)</h2>", page) == ["deep-poisoning, before it left", "deep-poisoning, attacked again (2)"]
    assert page.index("<dd>30</dd>") < page.index("<dd>77</dd>")


def test_who_was_left_out_of_the_headline_is_told_with_the_reason():
    page = leakage_html([own(replace(AUDIT, left_out={"A5 by edge": "raw <features> come no nearer"}))])
    assert "Not in the headline: A5 by edge, raw &lt;features&gt; come no nearer." in page
    assert "Not in the headline" not in leakage_html([own()])


LINK = LinkLeak(
    name="L1.nearest",
    knows="a gallery",
    candidates=1000,
    victims=500,
    chance=0.001,
    label=0.01,
    release=0.2345,
    low=0.2,
    high=0.27,
    raw=1.0,
    map_label=0.1,
    map_release=0.3,
    map_raw=1.0,
    seconds=3.0,
)


def test_what_links_images_to_releases_stands_beside_chance():
    page = leakage_html([own(replace(AUDIT, links=(LINK,)))])
    for said in ("L1.nearest", "0.10 %", "23.45 [20.00, 27.00] %", "100.00 %"):
        assert said in page
    assert FOUND in page
    assert MEMBERS not in page
    assert "gallery" not in leakage_html([own()])


def test_who_tells_members_stands_in_a_table_of_its_own_that_does_not_speak_of_whose_image_comes_first():
    spanned = replace(LINK, name="L1.spanned", members=True)
    page = leakage_html([own(replace(AUDIT, links=(spanned, LINK)))])
    assert page.index(f"<p>{FOUND}</p>") < page.index(">L1.nearest<") < page.index(f"<p>{MEMBERS}</p>") < page.index(">L1.spanned<")
    alone = leakage_html([own(replace(AUDIT, links=(spanned,)))])
    assert MEMBERS in alone
    assert "own image comes first" not in alone


INFERRED = {"known": 30, "rate": 0.4, "precision_label": 0.41, "precision_release": 0.62, "precision_raw": 0.93}
MALE = InferredAttribute(name="Male <i>", auc_label=0.51, auc_release=0.72, auc_raw=0.98, **INFERRED)
YOUNG = replace(MALE, name="Young", auc_label=0.55, auc_release=0.62, auc_raw=0.9)


def test_what_is_inferred_of_attributes_stands_beside_what_the_label_and_raw_features_tell():
    leak = AttributeLeak(name="L2", knows="labelled attributes", attributes=(MALE, YOUNG), low=0.6, high=0.74, seconds=3.0)
    page = leakage_html([own(replace(AUDIT, inferences=(leak,)))])
    for said in ("Male &lt;i&gt;", "40.0 %", "<td>0.72</td>", "0.67 [0.60, 0.74]", "0.41 · 0.62 · 0.93", "<td>0.94</td>", "<td>0.53</td>"):
        assert said in page, said
    assert "attribute" not in leakage_html([own()])


def test_where_nothing_can_be_inferred_the_reason_stands_there():
    leak = AttributeLeak(name="L2", knows="labelled attributes", reason="the data name <none>", seconds=0.0)
    page = leakage_html([own(replace(AUDIT, inferences=(leak,)))])
    assert "L2 is not applicable: the data name &lt;none&gt;." in page
    assert "Area under the ROC curve" not in page


def test_the_sentence_names_the_worst_attackers():
    assert sentence(replace(AUDIT, chance=None)) == (
        "Of what raw features would disclose beyond the label, the worst attacker (A2, by edge) recovers 14 % from this release; the worst "
        "twentieth of the images is recovered to 31 % or more (A0, by SSIM)."
    )
    assert sentence(AUDIT).endswith(
        " Held against other images of the same label, the same guesses recover 2 %, and 26 % or more of the worst twentieth: that much "
        "is chance."
    )
    assert sentence(replace(AUDIT, unpaired=True)).endswith(
        " Other people's real images in their place come to 2 %, and 26 % or more of the worst twentieth: that much is chance."
    )
    nothing = replace(AUDIT, mean=None, p95=None)
    assert sentence(nothing) == "Nothing can be said of the release: no attacker was shown able to succeed on raw features."
    assert sentence(replace(nothing, reason="nobody was asked")) == "Nothing can be said of the release: nobody was asked."


def test_an_audit_is_read_back_as_it_was_written(tmp_path):
    AUDIT.write(tmp_path / "audits" / "one.json")
    assert LEAKAGES.read(tmp_path / "audits" / "one.json") == AUDIT
    (tmp_path / "other.json").write_text('{"format": "dpm-flower leakage 0"}')
    with pytest.raises(StudyError, match="does not say that its format is"):
        LEAKAGES.read(tmp_path / "other.json")


def test_pictures_of_other_attackers_are_refused():
    with pytest.raises(ShapeError, match="wanted pictures of A2"):
        leakage_html([own(pictures={"A0.worst.p": torch.zeros(1, 3, 12, 12)})])
