"""What each attacker disclosed of each arm's releases -> one picture: arms down, attackers across, the darker the more."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from dpm_flower.core.level import Level
from dpm_flower.metrics.spread import Spread
from dpm_flower.studies.drawing import LIGHT, PALETTE, ImageFormat, Scheme, canvas, image_bytes, literal
from dpm_flower.studies.rows import Row, summaries
from dpm_flower.studies.wording import with_spread

PUBLIC, HEADLINE = "A0", "headline"
BESIDE = " (beside)"  # what the headline leaves out: attackers that have more of the victim than its release
SUFFIX = ".disclosed_p"
ROW_IN, WIDTH_IN, LABEL_IN = 0.42, 10.0, 2.6
LETTER_IN = 0.068  # of an attacker's name, to the right, aslant as it stands
DARK_ENOUGH = 0.6  # of the scale, from where letters are white


@dataclass(frozen=True, slots=True)
class Disclosed:
    """By arm and attacker, the disclosed fraction over seeds; None where it was not shown able to succeed, or was not asked.

    Those that count in the headline come first, then the headline, then those beside it, which say so in their names.
    """

    arms: tuple[str, ...]
    attackers: tuple[str, ...]
    fractions: tuple[tuple[Spread | None, ...], ...]  # one for each arm, in them one for each attacker


def disclosed_of(rows: Sequence[Row]) -> Disclosed | None:
    """Rows of a run -> what attackers disclosed and the headline; None where a run asks nobody but the public reconstructor."""
    found = {arm: row for arm, row in summaries(rows).items() if any(key.endswith("disclosed_p") for key in row.figures)}
    named = sorted({key.removesuffix(SUFFIX) for row in found.values() for key in row.figures if key.endswith(SUFFIX)})
    if not named:
        return None
    counted = {name: name + SUFFIX for name in named if not _sees_victim(name)}
    beside = {name + BESIDE: name + SUFFIX for name in named if _sees_victim(name)}
    keys = {PUBLIC: "disclosed_p", **counted, HEADLINE: "headline_p", **beside}
    return Disclosed(tuple(found), tuple(keys), tuple(tuple(row.figure(key) for key in keys.values()) for row in found.values()))


def heatmap(disclosed: Disclosed, *, scheme: Scheme = LIGHT, kind: ImageFormat = "svg") -> bytes:
    """Disclosed fractions -> the picture. Colours end at 0 and 1; the figures in the fields do not. An empty field has none."""
    across, down = len(disclosed.attackers), len(disclosed.arms)
    height_in, fields_in = down * ROW_IN + 1.3, _fields_in(disclosed.attackers)
    figure = canvas(WIDTH_IN, height_in, scheme, lays_itself_out=False)
    axes = figure.add_axes((LABEL_IN / WIDTH_IN, 0.04, fields_in / WIDTH_IN, down * ROW_IN / height_in))
    colours = LinearSegmentedColormap.from_list("disclosed", [scheme.paper, PALETTE[5]])
    for row, fractions in enumerate(disclosed.fractions):
        for column, fraction in enumerate(fractions):
            shade = 0.0 if fraction is None else min(max(fraction.mean, 0.0), 1.0)
            axes.add_patch(_field(column, row, colours(shade), scheme))
            ink = "#ffffff" if shade > DARK_ENOUGH else scheme.ink
            axes.text(column + 0.5, row + 0.5, with_spread(fraction, 2), ha="center", va="center", color=ink, fontsize=9)
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    axes.set_xticks([place + 0.5 for place in range(across)], [literal(name) for name in disclosed.attackers], rotation=25, ha="left")
    axes.set_yticks([place + 0.5 for place in range(down)], [literal(name) for name in disclosed.arms])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=9, colors=scheme.ink)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(scheme.paper)
    return image_bytes(figure, kind)


def _fields_in(attackers: Sequence[str]) -> float:
    """Names above the columns, which begin in their middle and lean to the right -> how wide all columns may be for them to fit."""
    room_in = WIDTH_IN - LABEL_IN
    fitting = ((room_in - LETTER_IN * len(name)) * len(attackers) / (place + 0.5) for place, name in enumerate(attackers))
    return max(min(room_in - 0.1, *fitting), room_in / 2)


def _sees_victim(attacker: str) -> bool:
    """An attacker's name, its level before the first dot -> whether its level has more of the victim than its release."""
    level = attacker.partition(".")[0]
    return level in Level.__members__ and Level[level].sees_victim  # names are anybody's: one without a level is asked as any other


def _field(column: int, row: int, colour: tuple[float, ...], scheme: Scheme) -> Rectangle:
    return Rectangle((column, row), 1, 1, facecolor=colour, edgecolor=scheme.faint, linewidth=0.8)
