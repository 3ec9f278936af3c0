"""The figures that a table can show, by name: what each reads from an outcome, its unit, and how it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dpm_flower.core.errors import SettingError

COST_PREFIX = "cost_"  # before the key of a cost, wherever quality stands beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure. `keys` are those of an outcome's quality, or of its costs after "cost_": one, or two for raw (z) and shared (p) features.

    A figure without keys is no outcome's own: it is counted or compared over outcomes. Printed values are those of the keys times
    `scale`, in `unit`, with `digits` behind the point. `minor` ones are the first to be left out of a narrow terminal.
    """

    head: str
    keys: tuple[str, ...] = ()
    unit: str = ""
    scale: float = 1.0
    digits: int = 1
    minor: bool = False
    of_decider: bool = False  # of whoever receives, not of a release

    @property
    def pair(self) -> bool:
        """Whether it compares raw with shared features."""
        return len(self.keys) == 2


def _release(head: str, key: str, *, unit: str = "", scale: float = 1.0, digits: int = 2, minor: bool = False) -> Figure:
    return Figure(head=head, keys=(f"{key}_z", f"{key}_p"), unit=unit, scale=scale, digits=digits, minor=minor)


def _decider(head: str, key: str, *, unit: str = "%", scale: float = 100.0, digits: int = 1) -> Figure:
    return Figure(head=head, keys=(key,), unit=unit, scale=scale, digits=digits, of_decider=True)


def _cost(head: str, key: str, *, unit: str, scale: float = 1.0, digits: int = 1) -> Figure:
    return Figure(head=head, keys=(COST_PREFIX + key,), unit=unit, scale=scale, digits=digits, minor=True)


FIGURES: Mapping[str, Figure] = MappingProxyType(
    {
        "top1": _decider("top-1", "top1"),
        "top5": _decider("top-5", "top5"),
        "validation_top1": _decider("top-1, validation", "validation_top1"),
        "validation_top5": _decider("top-5, validation", "validation_top5"),
        "compactness": _decider("compactness", "compactness", unit="", scale=1.0, digits=3),
        "seeds": Figure(head="seeds", minor=True),
        "trivial": Figure(head="trivial", unit="%", scale=100.0, minor=True),
        "headline": Figure(head="headline", keys=("headline_p",), digits=2),
        "headline_p95": Figure(head="headline, 95th percentile", keys=("headline_p_p95",), digits=2),
        "headline_chance": Figure(head="headline by chance", keys=("headline_p_chance",), digits=2),
        "headline_p95_chance": Figure(head="95th percentile by chance", keys=("headline_p_p95_chance",), digits=2),
        "ssim": _release("SSIM of R", "ssim"),
        "windowed_ssim": _release("windowed SSIM of R", "windowed_ssim"),
        "structure": _release("structure in R", "structure"),
        "edge": _release("edge of R", "edge"),
        "perceptual": _release("perceptual of R", "perceptual"),
        "l1": _release("L1 of R", "l1", digits=3),
        "psnr": _release("PSNR of R", "psnr", unit="dB", digits=1),
        "top1_release": _release("D as received", "top1", unit="%", scale=100.0, digits=1, minor=True),
        "top5_release": _release("D as received, top-5", "top5", unit="%", scale=100.0, digits=1, minor=True),
        "rank1": _release("rank-1 of L1, nearest", "L1.nearest.rank1", unit="%", scale=100.0, digits=0),
        "rank1_standardised": _release("rank-1 of L1, standardised", "L1.nearest-standardised.rank1", unit="%", scale=100.0, digits=0),
        "rank1_spanned": _release("rank-1 of L1, spanned", "L1.spanned.rank1", unit="%", scale=100.0, digits=0),
        "rank1_trained": _release("rank-1 of L1, trained", "L1.rank1", unit="%", scale=100.0, digits=0),
        "attribute_auc": _release("attribute AUC of L2", "L2.auc"),
        "attribute_map": _release("attribute mAP of L2", "L2.map"),
        "attribute_auc_label": Figure(head="attribute AUC of the label", keys=("L2.auc_label",), digits=2),
        "perturbation_strength": Figure(head="strength", keys=("perturbation_strength",), digits=2),
        "perturbation_drop": Figure(head="drop", keys=("perturbation_drop",), unit="%", scale=100.0),
        "synthetic_memorised": Figure(head="memorised", keys=("synthetic_memorised",), unit="%", scale=100.0),
        "synthetic_nearness": Figure(head="nearness", keys=("synthetic_nearness",), digits=2),
        "gain_kept": Figure(head="gain kept", unit="%", scale=100.0, digits=0),
        "bytes": _cost("up", "bytes_sent", unit="MB", scale=1e-6, digits=2),
        "fetched": _cost("down", "bytes_fetched", unit="MB", scale=1e-6, digits=2),
        "memory": _cost("peak memory", "memory_bytes", unit="MB", scale=1e-6, digits=0),
        "sender_memory": _cost("peak memory, sender", "sender_memory_bytes", unit="MB", scale=1e-6, digits=0),
        "seconds": _cost("time", "seconds", unit="s"),
        "sender_seconds": _cost("time, sender", "sender_seconds", unit="s"),
        "cpu_seconds": _cost("CPU time", "cpu_seconds", unit="s"),
        "audit_seconds": _cost("audit", "audit_seconds", unit="s"),
        "audit_cpu_seconds": _cost("CPU time, audit", "audit_cpu_seconds", unit="s"),
        "sender_cpu_seconds": _cost("CPU time, sender", "sender_cpu_seconds", unit="s"),
    }
)
DEFAULT_COLUMNS = ("top1", "seeds", "trivial", "ssim", "top1_release", "gain_kept", "bytes", "fetched", "seconds")
# what a reader of the costs must know, below every table
COSTS_LEGEND = (
    "Costs are means over receivers; a sender is who releases and receives nothing. Up, a mean over all who upload: a release counts "
    "once, as through a relay (straight to each of n receivers: n times). Down: what a receiver fetches, the same either way."
)


def check_columns(columns: Sequence[str]) -> None:
    """Names of figures; raises SettingError for one that is unknown or comes twice."""
    if unknown := [name for name in columns if name not in FIGURES]:
        raise SettingError(f"a column is one of {', '.join(FIGURES)}, got {', '.join(map(repr, unknown))}")
    if len(set(columns)) != len(columns):
        raise SettingError(f"columns must be different, got {', '.join(columns)}")
