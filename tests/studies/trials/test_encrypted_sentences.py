from dpm_flower.studies.trials.encrypted_sentences import above_chance, gap, together

FIGURES = {
    ("a", 0): {"top1": 0.40, "share": 0.9, "share_chance": 0.0625},
    ("b", 0): {"top1": 0.35},
    ("a", 1): {"top1": 0.42, "share": 0.8, "share_chance": 0.0625},
    ("b", 1): {"top1": 0.39},
    ("a", 2): {"top1": 0.50},
    ("c", 0): {},
}


def test_a_gap_is_taken_seed_by_seed_where_both_have_figures():
    assert gap("a", "b")(FIGURES) == ("top-1 of a minus b: +4.00 ± 1.41, 2 seeds (points, seed by seed).",)
    assert gap("b", "a")({key: value for key, value in FIGURES.items() if key[1] == 0}) == (
        "top-1 of b minus a: -5.00, one seed (points, seed by seed).",
    )
    assert gap("a", "c")(FIGURES) == gap("c", "a")(FIGURES) == gap("a", "d")(FIGURES) == ()


def test_a_share_stands_beside_chance():
    assert above_chance("a", "share", what="patches put right")(FIGURES) == ("patches put right of a: 85.0 %, by chance 6.2 %.",)
    assert above_chance("b", "share", what="patches put right")(FIGURES) == ()


def test_several_are_said_one_after_the_other():
    assert len(together(gap("a", "b"), above_chance("a", "share", what="x"), gap("a", "d"))(FIGURES)) == 2
