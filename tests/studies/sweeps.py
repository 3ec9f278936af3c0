"""A sweep's results by hand: a complete variant, one that failed, one that was left out."""

from dataclasses import replace

from dpm_flower.studies.results import Results
from dpm_flower.studies.sweep_results import SweepResults, Variant, variant_of


def hand_swept(results: Results, **change: object) -> SweepResults:
    """The complete run as a variant, the same with every top-1 halved, and two without figures."""
    rows = tuple(
        replace(row, figures={**row.figures, "top1": row.figure("top1", 0.5)}) if "top1" in row.figures else row for row in results.rows
    )
    variants = (
        variant_of("alpha-1", results),
        replace(variant_of("alpha-0.1", results), rows=rows),
        Variant(label="broken", reason="QuorumError: <nobody> was there", failed=True),
        Variant(label="later", reason="left out: no data"),
    )
    return replace(
        SweepResults(sweep="mine", columns=("top1", "ssim", "gain_kept"), figure="top1", variants=variants),
        **change,  # type: ignore[arg-type]
    )
