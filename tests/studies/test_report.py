import base64
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.studies import report
from dpm_flower.studies.report import REPORT_NAME, report_html, write_report
from dpm_flower.studies.results import results_of
from dpm_flower.studies.wording import gain_kept_text
from tests.studies import averaged
from tests.studies.hand_made import FACTS, STUDY, outcomes, pictures

VOID = {"meta", "img", "source", "link", "br", "hr", "input"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Every tag with its attributes, the text, and whether the tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page_text(holed):
    return report_html(holed, [pictures()])


@pytest.fixture
def undrawn(monkeypatch):
    """Charts are slow, and these tests read words only."""
    for name in ("accuracy_bars", "cost_curves", "who_holds_what", "picture_grid"):
        monkeypatch.setattr(report, name, lambda *_, **__: b"")


def test_nothing_is_fetched_from_anywhere(page_text):
    page = Page(page_text)
    addresses = [value for tag, attrs in page.tags for name, value in attrs.items() if name in ("src", "srcset", "href", "action", "data")]
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    rest = re.sub(r'"data:[^"]*"', "", page_text)
    assert not re.search(r"https?:|//|url\(|@import", rest)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert any("default-src 'none'" in attrs.get("content", "") for tag, attrs in page.tags if tag == "meta")


def test_every_picture_is_a_real_one_with_words_beside_it(page_text):
    images = [attrs for tag, attrs in Page(page_text).tags if tag == "img"]
    assert len(images) == 3
    for attrs in images:
        kind, content = re.fullmatch(r"data:image/([a-z+]+);base64,(.+)", attrs["src"]).groups()
        start = {"svg+xml": b"<?xml", "png": b"\x89PNG\r\n"}[kind]
        assert base64.b64decode(content, validate=True).startswith(start)
        assert attrs["alt"]


def test_the_page_states_figures_reasons_settings_and_command(page_text, holed):
    text = html.unescape(page_text)
    for words in (
        "79.0 ± 1.0",
        gain_kept_text(holed.gain("poisoned")),
        "FedAvg, b: seed 1: no reply within 60 s",
        "dpm-flower run simulations.hand:STUDY",
        "hand-made",
        "refine.steps",
        "1 h 2 min",
        "2030-01-02 03:04 UTC",
        "weakest attacker",
    ):
        assert words in text


@pytest.mark.usefixtures("undrawn")
def test_pictures_are_shown_only_if_given(holed):
    assert "What the public reconstructor sees" in report_html(holed, [pictures()])
    assert "What the public reconstructor sees" not in report_html(holed)


@pytest.mark.usefixtures("undrawn")
def test_whatever_text_comes_in_is_escaped():
    study = replace(STUDY, name=EVIL, arms=(replace(STUDY.arms[0], name=EVIL), replace(STUDY.arms[2], name=f"{EVIL}2")))
    facts = replace(FACTS, command=EVIL, machine={EVIL: EVIL}, versions={EVIL: EVIL}, made_at=EVIL, classes=(EVIL, "b", "c"))
    some = [replace(one, reason=EVIL) for one in outcomes() if one.arm == "D as received"]
    text = report_html(results_of(study, some, facts), [replace(pictures(), method=EVIL)])
    assert "<script" not in text
    assert "alert(1)" in text
    assert {tag for tag, _ in Page(text).tags} >= {"table", "picture"}


@pytest.mark.usefixtures("undrawn")
def test_style_reaches_the_page_unescaped_and_tables_scroll_in_boxes_of_their_own(holed):
    text = report_html(holed)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "details > summary" in style
    assert '"Segoe UI"' in style
    assert "prefers-color-scheme: dark" in style
    before_tables = re.findall(r"(\S+)\s*<table", text)
    assert len(before_tables) == text.count("<table")
    assert len(re.findall(r'<div class="scroll"[^>]*>\s*<table', text)) == text.count("<table")


@pytest.mark.usefixtures("undrawn")
def test_the_file_is_written_whole_or_refused(tmp_path, holed):
    path = write_report(tmp_path / "run", holed, [pictures()])
    assert path == tmp_path / "run" / REPORT_NAME
    assert path.read_text(encoding="utf-8") == report_html(holed, [pictures()])
    with pytest.raises(OutputError, match=REPORT_NAME):
        write_report(path, holed)


@pytest.mark.usefixtures("undrawn")
def test_curves_and_choices_are_shown_where_there_are_any(holed):
    text, without = (html.unescape(report_html(each)) for each in (averaged.results(), holed))
    for words in ("Accuracy against cost", "Settings, chosen on validation images", "fast ✓", "76.0 ± 1.0", "hasty 81.0 ± 1.0 %"):
        assert words in text
    assert "hasty ✓" not in text
    assert "Accuracy against cost" not in without
    assert "chosen on validation images" not in without


def test_what_was_done_to_the_data_on_the_way_in_is_stated():
    facts = replace(FACTS, notes=("the folder has no test set: a fifth was held out", "grey images were made coloured"))
    page = report_html(results_of(STUDY, outcomes(), facts))
    assert "The folder has no test set: a fifth was held out. Grey images were made coloured." in page
