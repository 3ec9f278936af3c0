"""Audits of an owner's own releases -> one page for the owner, with the images that attackers came nearest to; opens offline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dpm_flower.core.errors import ShapeError
from dpm_flower.regime.leakage import AttackLeak, Fraction, Leakage, ScoreLeak
from dpm_flower.regime.linking import LinkLeak
from dpm_flower.studies.own_audits import OwnAudit
from dpm_flower.studies.page_template import page, rendered
from dpm_flower.studies.pictures import PictureRow, Pictures, picture_grid
from dpm_flower.studies.report import Image, embedded
from dpm_flower.studies.wording import NONE

HEADS = {"ssim": "SSIM", "windowed_ssim": "windowed SSIM", "perceptual": "perceptual", "edge": "edge"}
FOUND = "Which of a gallery’s images made a release? Share of released images whose own image comes first:"
MEMBERS = (
    "Which of a gallery’s images are in a release, in whatever place? Share of own images that stand out: each of them, by what in the "
    "release is most like it, comes before all candidates that the release was not made of:"
)

TEMPLATE = page(
    "{{ audits[0].leakage.entity }} – what its releases tell",
    """<header>
<h1>What the releases of {{ audits[0].leakage.entity }} tell</h1>
<p class="soft">For the owner’s eyes: this page shows own images. Study {{ audits[0].leakage.study }}, seed {{ audits[0].leakage.seed }},
campaign {{ audits[0].leakage.campaign }}.</p>
</header>
{%- for audit in audits %}

<h2>{{ audit.title }}</h2>
<dl class="facts">
<div><dt>headline: disclosed, mean</dt><dd>{{ audit.mean }}</dd></div>
<div><dt>headline: 95th percentile</dt><dd>{{ audit.p95 }}</dd></div>
<div><dt>the same by chance</dt><dd>{{ audit.chance }}</dd></div>
<div><dt>released images</dt><dd>{{ audit.leakage.images }}</dd></div>
<div><dt>attacker’s own images</dt><dd>{{ audit.leakage.own_images }}</dd></div>
<div><dt>time</dt><dd>{{ "%.0f"|format(audit.leakage.seconds) }} s</dd></div>
</dl>
<p>{{ audit.says }}</p>
{%- call table("Attacks on " ~ audit.title) %}
<thead><tr>
<th class="text" scope="col">attack</th><th class="text" scope="col">knows</th>
<th scope="col">disclosed <span class="unit">mean [95 % interval]</span></th>
<th scope="col">disclosed <span class="unit">95th percentile</span></th>
{%- for head in score_heads %}<th scope="col">{{ head }} <span class="unit">label · release · raw</span></th>{% endfor %}
<th class="cost" scope="col">time <span class="unit">s</span></th><th class="text" scope="col">remark</th>
</tr></thead>
<tbody>
{%- for line in audit.lines %}
<tr><th class="text" scope="row">{{ line.name }}</th><td class="text">{{ line.knows }}</td><td>{{ line.mean }}</td><td>{{ line.p95 }}</td>
{%- for text in line.scores %}<td>{{ text }}</td>{% endfor %}
<td class="cost">{{ line.seconds }}</td><td class="words">{{ line.remark }}</td></tr>
{%- endfor %}
</tbody>
{%- endcall %}
{%- for which, reason in audit.leakage.left_out.items() %}
<p class="soft">Not in the headline: {{ which }}, {{ reason }}.</p>
{%- endfor %}
{%- for asked, found in audit.links.items() %}
<p>{{ asked }}</p>
{%- call table(("Members of " if found[0].members else "Linkage of ") ~ audit.title) %}
<thead><tr><th class="text" scope="col">attack</th><th scope="col">candidates</th><th scope="col">chance</th>
<th scope="col">label alone</th><th scope="col">release</th><th scope="col">raw features</th>
<th class="cost" scope="col">time <span class="unit">s</span></th></tr></thead>
<tbody>
{%- for link in found %}
<tr><th class="text" scope="row">{{ link.name }}</th><td>{{ link.candidates }}</td>
{%- for share in (link.chance, link.label) %}<td>{{ "%.2f"|format(100 * share) }} %</td>{% endfor %}
<td>{{ "%.2f [%.2f, %.2f]"|format(100 * link.release, 100 * link.low, 100 * link.high) }} %</td>
<td>{{ "%.2f"|format(100 * link.raw) }} %</td>
<td class="cost">{{ "%.0f"|format(link.seconds) }}</td></tr>
{%- endfor %}
</tbody>
{%- endcall %}
{%- for link in found if link.unlearnt %}
<p class="soft">{{ link.name }} had nothing to learn from ({{ link.unlearnt }}): it looked for what is nearest, as everybody can.</p>
{%- endfor %}
{%- endfor %}
{%- for one in audit.leakage.inferences %}
{%- if one.attributes %}
<p>Which attributes do the images of a release have? {{ one.name }} knows {{ one.knows }}. Area under the ROC curve (0.5: nothing is told;
1: everything) and average precision, of what the label alone tells, of the attack on the release, and on raw features:</p>
{%- call table("Attributes inferred from " ~ audit.title ~ " by " ~ one.name) %}
<thead><tr><th class="text" scope="col">attribute</th><th scope="col">known</th><th scope="col">have it</th>
<th scope="col">AUC <span class="unit">label</span></th><th scope="col">AUC <span class="unit">release</span></th>
<th scope="col">AUC <span class="unit">raw</span></th>
<th scope="col">average precision <span class="unit">label · release · raw</span></th></tr></thead>
<tbody>
{%- for attribute in one.attributes %}
<tr><th class="text" scope="row">{{ attribute.name }}</th><td>{{ attribute.known }}</td>
<td>{{ "%.1f"|format(100 * attribute.rate) }} %</td><td>{{ "%.2f"|format(attribute.auc_label) }}</td>
<td>{{ "%.2f"|format(attribute.auc_release) }}</td><td>{{ "%.2f"|format(attribute.auc_raw) }}</td>
<td>{{ "%.2f · %.2f · %.2f"|format(attribute.precision_label, attribute.precision_release, attribute.precision_raw) }}</td></tr>
{%- endfor %}
<tr><th class="text" scope="row">mean</th><td></td><td>{{ "%.1f"|format(100 * one.mean("rate")) }} %</td>
<td>{{ "%.2f"|format(one.mean("auc_label")) }}</td>
<td>{{ "%.2f [%.2f, %.2f]"|format(one.mean("auc_release"), one.low, one.high) }}</td>
<td>{{ "%.2f"|format(one.mean("auc_raw")) }}</td>
<td>{{ "%.2f · %.2f · %.2f"|format(one.mean("precision_label"), one.mean("precision_release"), one.mean("precision_raw")) }}</td></tr>
</tbody>
{%- endcall %}
{%- else %}
<p class="soft">{{ one.name }} is not applicable: {{ one.reason }}.</p>
{%- endif %}
{%- endfor %}
<div class="caution"><p>{{ audit.leakage.proves }}</p></div>
{%- for grid in audit.grids %}
<h3>{{ grid.title }}</h3>
{{- chart(grid, "pictures") }}
{%- endfor %}
{%- endfor %}
""",
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One attacker in words."""

    name: str
    knows: str
    mean: str
    p95: str
    scores: tuple[str, ...]
    seconds: str
    remark: str


@dataclass(frozen=True, slots=True, eq=False)
class _Section:
    """One audit in words and pictures."""

    title: str
    leakage: Leakage
    mean: str
    p95: str
    chance: str
    says: str
    lines: tuple[_Line, ...]
    links: Mapping[str, Sequence[LinkLeak]]
    grids: tuple[Image, ...]


def leakage_html(audits: Sequence[OwnAudit]) -> str:
    """Audits of one entity, at least one -> the page, in their order. Raises ShapeError for pictures of other attackers."""
    sections = [_section(audit) for audit in audits]
    return rendered(TEMPLATE, audits=sections, score_heads=list(HEADS.values()))


def _section(audit: OwnAudit) -> _Section:
    leakage = audit.leakage
    return _Section(
        title=audit.title,
        leakage=leakage,
        mean=fraction_text(leakage.mean),
        p95=fraction_text(leakage.p95),
        chance=NONE if leakage.chance is None else f"{leakage.chance.mean:.2f}, {leakage.chance.p95:.2f}",
        says=sentence(leakage),
        lines=tuple(_line(attack) for attack in leakage.attacks),
        links=_links(leakage),
        grids=tuple(_grids(audit)),
    )


def _links(leakage: Leakage) -> dict[str, list[LinkLeak]]:
    """By what was asked, who was; what nobody was asked is left out."""
    asked = {FOUND: False, MEMBERS: True}
    found = {words: [link for link in leakage.links if link.members is members] for words, members in asked.items()}
    return {words: links for words, links in found.items() if links}


def sentence(leakage: Leakage) -> str:
    """An audit -> what it came to, in a plain sentence."""
    if leakage.mean is None or leakage.p95 is None:
        return f"Nothing can be said of the release: {leakage.reason or 'no attacker was shown able to succeed on raw features'}."
    mean, p95 = leakage.mean, leakage.p95
    return (
        f"Of what raw features would disclose beyond the label, the worst attacker ({mean.attacker}, by {HEADS[mean.score]}) recovers "
        f"{100 * mean.value:.0f} % from this release; the worst twentieth of the images is recovered to {100 * p95.value:.0f} % or more "
        f"({p95.attacker}, by {HEADS[p95.score]}).{_by_chance(leakage)}"
    )


def _by_chance(leakage: Leakage) -> str:
    chance = leakage.chance
    if chance is None:
        return ""
    of_others = "Held against other images of the same label, the same guesses recover"
    if leakage.unpaired:
        of_others = "Other people's real images in their place come to"
    return f" {of_others} {100 * chance.mean:.0f} %, and {100 * chance.p95:.0f} % or more of the worst twentieth: that much is chance."


def fraction_text(fraction: Fraction | None) -> str:
    """A disclosed fraction -> "0.21 [0.18, 0.25]"; an open end is a dash."""
    if fraction is None:
        return NONE
    low, high = (NONE if end is None else f"{end:.2f}" for end in (fraction.low, fraction.high))
    return f"{fraction.value:.2f} [{low}, {high}]"


def _line(attack: AttackLeak) -> _Line:
    unlearnt = f"had nothing to learn from ({attack.unlearnt}): this is what everybody can do" if attack.unlearnt else ""
    beside = "" if attack.in_headline else "has more of the victim than its release: beside the headline"
    return _Line(
        name=attack.name,
        knows=attack.knows,
        mean=fraction_text(attack.mean),
        p95=fraction_text(attack.p95),
        scores=tuple(_score(attack.scores[score]) for score in HEADS),
        seconds=f"{attack.seconds:.0f}",
        remark="; ".join(filter(None, (beside, unlearnt, attack.reason))),
    )


def _score(score: ScoreLeak) -> str:
    return f"{score.floor:.2f} · {score.release:.2f} · {score.raw:.2f}"


def _grids(audit: OwnAudit) -> Iterator[Image]:
    pictures = audit.pictures
    for attack in audit.leakage.attacks:
        try:
            rows = (
                PictureRow.of("original", pictures[f"{attack.name}.worst.originals"]),
                PictureRow.of(f"{attack.name}\nfrom the release", pictures[f"{attack.name}.worst.p"]),
            )
        except KeyError as err:
            raise ShapeError(f"wanted pictures of {attack.name}, got {', '.join(sorted(pictures))}") from err
        yield _embedded(attack, Pictures(audit.title, rows))


def _embedded(attack: AttackLeak, pictures: Pictures) -> Image:
    return embedded(
        f"{attack.name}: the images that it came nearest to",
        f"Original images and what {attack.name} made of their release.",
        "The worst first. The negative of a guess counts as much as the guess.",
        lambda scheme: picture_grid(pictures, scheme=scheme),
        "png",
    )
