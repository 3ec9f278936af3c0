from rich.console import Console

from dpm_flower.apps.day_table import day_table

LINE = {
    "day": 3,
    "ended": "2026-11-29T18:00:00Z",
    "taken": 300,
    "rejected": 2,
    "over": 1,
    "release": "ab" * 32,
    "released": 297,
    "refined": True,
    "top1_before": 0.5,
    "top1_after": 0.625,
    "kept_releases": 3,
    "kept_bytes": 2_500_000,
    "unread_releases": 0,
    "held": 299,
    "next_goes": "2026-11-30T09:00:00Z",
}


def shown(**changes):
    console = Console(width=100)
    with console.capture() as captured:
        console.print(day_table(LINE | changes))
    return " ".join(captured.get().split())


def test_a_day_in_a_few_lines():
    said = shown()
    for text in (
        "day 3, ended 2026-11-29T18:00:00Z",
        "300 taken, 2 rejected, 1 over before they could be used",
        "297 images, abababababab",
        "50.0 % -> 62.5 %",
        "3 releases, 2.50 MB",
        "299 images, the next goes 2026-11-30T09:00:00Z",
    ):
        assert text in said
    assert "not refined" not in said
    assert "could not be read" not in said


def test_what_did_not_go_as_usual_shows():
    said = shown(release="", refined=False, top1_before=None, top1_after=None, unread_releases=1, held=0, next_goes=None)
    for text in ("release none", "no networks yet -> no networks yet, not refined", "1 of them could not be read", "never: it is empty"):
        assert text in said


def test_a_detectors_day_says_by_what_it_is_judged():
    assert "top-1 50.0 % -> 62.5 %" in shown()
    others = {name: value for name, value in LINE.items() if not name.startswith("top1")}
    console = Console(width=100)
    with console.capture() as captured:
        console.print(day_table(others | {"map50_before": 0.25, "map50_after": 0.375}))
    assert "mAP50 25.0 % -> 37.5 %" in captured.get()
