"""A sweep's results -> one page that opens offline: the table of all variants, with links to their reports, and one chart."""

from urllib.parse import quote

from dpm_flower.core.figures import COSTS_LEGEND, FIGURES
from dpm_flower.studies.columns import columns_named
from dpm_flower.studies.page_template import rendered
from dpm_flower.studies.report import REPORT_NAME, embedded
from dpm_flower.studies.sweep_figure import sweep_chart
from dpm_flower.studies.sweep_report_template import TEMPLATE
from dpm_flower.studies.sweep_results import SweepResults
from dpm_flower.studies.sweep_table import sweep_lines


def sweep_html(results: SweepResults) -> str:
    """A sweep's results -> the page; whatever text comes in is escaped, and nothing on it is fetched from anywhere."""
    lines = sweep_lines(results, spread=True)
    head = FIGURES[results.figure].head
    return rendered(
        TEMPLATE,
        costs_legend=COSTS_LEGEND,
        results=results,
        columns=columns_named(results.columns),
        groups=[[line for line in lines if line.label == variant.label] for variant in results.variants],
        links={variant.label: f"{quote(variant.label)}/{REPORT_NAME}" for variant in results.variants if variant.rows},
        notes=[line.note for line in lines if line.note],
        image=embedded(
            f"{head} by variant and arm",
            f"Chart: {head} against the variants' labels, one line for each arm; the figures stand in the table.",
            f"{head}, by variant, one line for each arm. A gap stands for a variant without the figure.",
            lambda scheme: sweep_chart(results, scheme=scheme),
            "svg",
        ),
    )
