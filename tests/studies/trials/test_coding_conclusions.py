import pytest

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
    assert said[0] == "Difference in bytes of bottleneck at the accuracy of direct: -20.00 % (1 seeds)."
    assert said[1] == "Difference in bytes of adversarial at the accuracy of direct: -30.00 % (1 seeds)."
    assert said[2] == "Difference in bytes of poisoned at the accuracy of direct: -50.00 % (1 seeds)."
    assert said[4] == "Difference in attacker's PSNR on adversarial at the accuracy of bottleneck: -0.80 dB (1 seeds)."
    assert said[5] == "Difference in attacker's PSNR on adversarial at the accuracy of direct: -0.80 dB (1 seeds)."
    assert said[6] == "Seed 0: fewest bytes an image within 0.5 points of the raw accuracy: poisoned 200, JPEG 1200."
    assert len(said) == 7


def test_at_equal_bytes_a_cheaper_curve_leaks_more_than_its_qualities_say():
    """At the same bytes it is at a higher quality: 0.8 dB less, and log2(0.8 / 0.7) of the decibel that a doubling brings more."""
    assert "at the bytes of bottleneck: -0.6" in CONCLUDE(figures())[3]


def test_seeds_have_a_mean_a_deviation_and_a_sentence_each():
    said = CONCLUDE(figures(0, -0.6) | figures(1, -1.0))
    assert said[4] == "Difference in attacker's PSNR on adversarial at the accuracy of bottleneck: -0.80 ± 0.28 dB (2 seeds)."
    assert [sentence[:7] for sentence in said[6:]] == ["Seed 0:", "Seed 1:"]


def test_what_cannot_be_compared_is_said_with_its_reason():
    poor = points("poisoned", 0, accuracies=(0.1, 0.2, 0.3)) | points("JPEG", 0, accuracies=(0.6449, 0.2, 0.3))
    said = CONCLUDE(figures() | poor)
    assert said[2].startswith(
        "Difference in bytes of poisoned at the accuracy of direct: cannot be said, the curves have no quality in common"
    )
    assert said[6].endswith("poisoned at no quality, JPEG at no quality.")
    both = CONCLUDE(figures(0) | poor | figures(1))
    assert both[2] == "Difference in bytes of poisoned at the accuracy of direct: -50.00 % (1 seeds; of 1 more seeds it cannot be said)."


def test_a_quality_that_brings_nothing_counts_for_nothing():
    extra = {("bottleneck: 9", 0): {"bytes": 999.0, "top1": 0.64, "psnr": 50.0, "top1_raw": 0.65}}
    said, without = CONCLUDE(figures() | extra), CONCLUDE(figures())
    assert said[0] == without[0]
    assert said[4] == without[4]


def test_missing_systems_are_no_error():
    assert all("cannot be said" in sentence or sentence.startswith("Seed") for sentence in CONCLUDE(points("direct", 0)))


@pytest.mark.parametrize("accuracy", [0.645, 0.65, 0.7])
def test_half_a_point_is_tolerated(accuracy):
    said = CONCLUDE(figures() | points("JPEG", 0, accuracies=(accuracy, 0.9, 0.9)))
    assert said[6].endswith("JPEG 100.")
