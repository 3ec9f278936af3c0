import pytest

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload import rules

UNSAFE = ["", "..", ".", "a..b", ".hidden", "a/b", "/etc", "a\\b", "a\0b", "a\n", "é", "x" * 129, 7, None]


@pytest.mark.parametrize("value", ["entity-a", "0", "-a", "a_b.c", "features-00000.safetensors", "x" * 128])
def test_safe_names_pass_unchanged(value):
    assert rules.name(value, "a name") == value


@pytest.mark.parametrize("value", UNSAFE)
def test_unsafe_names_are_refused(value):
    with pytest.raises(ReleaseError, match="a name must be"):
        rules.name(value, "a name")


@pytest.mark.parametrize("value", ["DPM, λ = 1", "features.14", "A0.ssim_p", "生成", "x" * 200])
def test_texts_in_any_language_pass_unchanged(value):
    assert rules.text(value, "a text") == value


@pytest.mark.parametrize("value", ["", "a/b", "a\\b", "a..b", "a\0b", "a\n", "\ud800", "\u202e", "\x1b[31m", "x" * 201, 7])
def test_texts_that_deceive_are_refused(value):
    with pytest.raises(ReleaseError, match="a text must be"):
        rules.text(value, "a text")


@pytest.mark.parametrize("value", [-1, 2**53, True, 1.0, "1", None])
def test_counts_that_are_none_are_refused(value):
    with pytest.raises(ReleaseError, match="a count must be"):
        rules.count(value, "a count")


def test_count_bounds_are_inclusive():
    assert [rules.count(value, "n", 2, 4) for value in (2, 3, 4)] == [2, 3, 4]
    for value in (1, 5):
        with pytest.raises(ReleaseError, match="from 2 to 4"):
            rules.count(value, "n", 2, 4)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1, True, "0.5"])
def test_numbers_that_are_not_finite_floats_are_refused(value):
    with pytest.raises(ReleaseError, match="finite float"):
        rules.finite(value, "a score")


def test_minus_zero_has_the_form_of_zero():
    assert str(rules.finite(-0.0, "a score")) == "0.0"


@pytest.mark.parametrize("value", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "../" + "a" * 61, "a" * 64 + "\n", None])
def test_digests_that_are_none_are_refused(value):
    with pytest.raises(ReleaseError, match="SHA-256"):
        rules.sha256(value, "a digest")


def test_messages_stay_short_whatever_a_peer_sends():
    with pytest.raises(ReleaseError) as refused:
        rules.name("/" * 10_000_000, "a name")
    assert len(str(refused.value)) < 300
