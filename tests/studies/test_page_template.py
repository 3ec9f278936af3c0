"""Both pages have one head."""

from dpm_flower.studies import report_template, sweep_report_template
from dpm_flower.studies.page_template import HEAD, MACROS, page


def test_both_pages_differ_in_their_title_and_body_only():
    for template, title in ((report_template.TEMPLATE, "dpm-flower report"), (sweep_report_template.TEMPLATE, "dpm-flower sweep")):
        head = template[: template.index(MACROS)]
        written = head[head.index("<title>") + len("<title>") : head.index("</title>")]
        assert title in written
        assert head == HEAD.replace("TITLE", written)


def test_a_page_is_closed():
    text = page("{{ name }}", "<p>x</p>\n")
    assert "<title>{{ name }}</title>" in text
    assert text.endswith("<main>\n<p>x</p>\n</main>\n</body>\n</html>\n")
