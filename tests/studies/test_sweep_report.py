import re
from dataclasses import replace

import pytest

from dpm_flower.studies import sweep_report
from dpm_flower.studies.sweep_report import sweep_html
from tests.studies.sweeps import hand_swept
from tests.studies.test_report import Page


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(sweep_report, "sweep_chart", lambda *_, **__: b"")


@pytest.mark.usefixtures("undrawn")
def test_each_variant_that_ran_links_to_its_report_and_no_other(holed):
    links = [attrs["href"] for tag, attrs in Page(sweep_html(hand_swept(holed))).tags if tag == "a"]
    assert links == ["alpha-1/report.html", "alpha-0.1/report.html"]


@pytest.mark.usefixtures("undrawn")
def test_text_is_escaped_and_every_line_and_reason_is_there(holed):
    swept = hand_swept(holed)
    evil = replace(swept, sweep="<script>alert(1)</script>")
    page = Page(text := sweep_html(evil))
    assert "<script" not in text
    words = " ".join(" ".join(page.words).split())
    assert "broken failed: QuorumError: <nobody> was there" in words
    assert words.count("78.0 ± 1.0") >= 1
    assert text.count('<tbody class="arm">') == len(swept.variants)


def test_nothing_is_fetched_and_the_chart_is_a_real_one(results):
    text = sweep_html(hand_swept(results))
    images = [attrs for tag, attrs in Page(text).tags if tag == "img"]
    assert len(images) == 1
    assert images[0]["src"].startswith("data:image/svg+xml;base64,")
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r'"data:[^"]*"', "", text))
