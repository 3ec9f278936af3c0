import pytest
import torch

from dpm_flower.studies.trials.coding_conclusions import CodingConclusions

CONCLUDE = CodingConclusions()


def points(system, seed, rate_factor=1.0, psnr=0.0, accuracies=(0.5, 0.6, 0.65)):
    return {
        (f"{system}: {k}", seed): {
            "bytes": 100.0 * 2**k * rate_factor,
            "top1": accuracy,
            "psnr": 20.0 + k + psnr,
            "top1_raw": 0.65,
        }
        for k, accuracy in enumerate(accuracies)
    }


def figures(seed=0, psnr=-0.8):
    return (
        points("direct", seed)
        | points("bottleneck", seed, 0.8)
        | points("adversarial", seed, 0.7, psnr)
        | points("poisoned", seed, 0.5)
        | points("JPEG", seed, 3.0)
    )


def test_curves_are_compared_as_the_source_compares_them():
    said = CONCLUDE(figures())
    over = "(1 seed; over a top-1 of 50.0 to 65.0 %)."
    assert said[0] == f"Difference in bytes of bottleneck at the accuracy of direct: -20.00 % {over}"
    assert said[1] == f"Difference in bytes of adversarial at the accuracy of direct: -30.00 % {over}"
    assert said[2] == f"Difference in bytes of poisoned at the accuracy of direct: -50.00 % {over}"
    assert said[3] == f"Difference in bytes of poisoned at the accuracy of JPEG: -83.33 % {over}"
    assert said[5] == f"Difference in attacker's PSNR on adversarial at the accuracy of bottleneck: -0.80 dB {over}"
    assert said[6] == f"Difference in attacker's PSNR on adversarial at the accuracy of direct: -0.80 dB {over}"
    assert said[7] == f"Difference in attacker's PSNR on poisoned at the accuracy of direct: +0.00 dB {over}"
    assert said[8] == "Seed 0: fewest bytes an image within 0.5 points of the raw accuracy: poisoned 200, JPEG files 1200."
    assert len(said) == 9


def test_pictures_are_compared_by_what_they_take_in_one_release_where_that_is_known():
    shared = {key: found | {"bytes_shared": found["bytes"] / 12} for key, found in points("JPEG", 0, 3.0).items()}
    said = CONCLUDE(figures() | shared)
    assert said[3].startswith("Difference in bytes of poisoned at the accuracy of JPEG: +100.00 %")
    assert said[8].endswith("poisoned 200, JPEG files 1200 (100 in one release).")


def test_what_an_attacker_makes_of_pictures_is_compared_by_what_they_take_in_one_release():
    """Of two pictures as accurate the cheaper one counts, and it is the one release that says which is cheaper."""
    found = points("JPEG", 0, psnr=1.0) | {("JPEG: again", 0): {"bytes": 1.0, "top1": 0.65, "psnr": 50.0, "top1_raw": 0.65}}
    shared = {key: one | {"bytes_shared": one["bytes"] / 12 if one["psnr"] < 50 else 999.0} for key, one in found.items()}
    said = CodingConclusions(poisoned="JPEG", pictures=())(figures() | shared)
    assert said[6].startswith("Difference in attacker's PSNR on JPEG at the accuracy of direct: +1.00 dB")


def test_it_is_said_over_how_little_curves_are_compared():
    """The second curve begins where the first ends but for half a point: a mean over that is one over noise."""
    said = CONCLUDE(figures() | points("bottleneck", 0, 0.8, accuracies=(0.645, 0.7, 0.75)))
    assert said[0].endswith("(1 seed; over a top-1 of 64.5 to 65.0 %, less than the 1 point that it errs by).")
    assert "less than" not in said[1]


def test_at_equal_bytes_a_cheaper_curve_leaks_more_than_its_qualities_say():
    """At the same bytes it is at a higher quality: 0.8 dB less, and log2(0.8 / 0.7) of the decibel that a doubling brings more."""
    sentence = CONCLUDE(figures())[4]
    assert "at the bytes of bottleneck: -0.6" in sentence
    assert sentence.endswith("(1 seed; over 80 to 280 bytes).")


def test_seeds_have_a_mean_a_deviation_and_a_sentence_each():
    said = CONCLUDE(figures(0, -0.6) | figures(1, -1.0))
    assert said[5] == (
        "Difference in attacker's PSNR on adversarial at the accuracy of bottleneck: -0.80 ± 0.28 dB "
        "(2 seeds; over a top-1 of 50.0 to 65.0, 50.0 to 65.0 %)."
    )
    assert [sentence[:7] for sentence in said[8:]] == ["Seed 0:", "Seed 1:"]


def test_what_cannot_be_compared_is_said_with_its_reason():
    poor = points("poisoned", 0, accuracies=(0.1, 0.2, 0.3)) | points("JPEG", 0, accuracies=(0.6449, 0.2, 0.3))
    said = CONCLUDE(figures() | poor)
    assert said[2].startswith(
        "Difference in bytes of poisoned at the accuracy of direct: cannot be said, the curves have no quality in common"
    )
    assert said[8].endswith("poisoned at no quality, JPEG files at no quality.")
    both = CONCLUDE(figures(0) | poor | figures(1))
    assert both[2] == (
        "Difference in bytes of poisoned at the accuracy of direct: -50.00 % "
        "(1 seed; of 1 more it cannot be said; over a top-1 of 50.0 to 65.0 %)."
    )


def test_a_quality_that_brings_nothing_counts_for_nothing():
    extra = {("bottleneck: 9", 0): {"bytes": 999.0, "top1": 0.64, "psnr": 50.0, "top1_raw": 0.65}}
    said, without = CONCLUDE(figures() | extra), CONCLUDE(figures())
    assert said[0] == without[0]
    assert said[5] == without[5]


def test_missing_systems_are_no_error():
    assert all("cannot be said" in sentence or sentence.startswith("Seed") for sentence in CONCLUDE(points("direct", 0)))


@pytest.mark.parametrize("accuracy", [0.645, 0.65, 0.7])
def test_half_a_point_is_tolerated(accuracy):
    said = CONCLUDE(figures() | points("JPEG", 0, accuracies=(accuracy, 0.9, 0.9)))
    assert said[8].endswith("JPEG files 100.")


@pytest.mark.parametrize("right", range(150, 450))
def test_half_a_point_is_tolerated_to_the_image_in_single_precision(right):
    """Accuracies are means of single precision: three of 600 images less are half a point, one more is not."""
    raw = float(torch.tensor(right / 600))
    for fewer, answer in ((3, "JPEG files 100."), (4, "JPEG files at no quality.")):
        near = float(torch.tensor((right - fewer) / 600))
        found = {("JPEG: 0", 0): {"bytes": 100.0, "top1": near, "psnr": 20.0, "top1_raw": raw}}
        assert CONCLUDE(found)[-1].endswith(answer)
