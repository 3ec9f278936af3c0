"""A sweep's page as a Jinja template: it links to its variants' reports."""

from dpm_flower.studies.page_template import page

TEMPLATE = page(
    "{{ results.sweep }} – dpm-flower sweep",
    """<header>
<h1>{{ results.sweep }}</h1>
<p class="soft">{{ results.variants|length }} variants of one study, laid side by side; each links to its own report.</p>
</header>

<h2 id="chart">{{ image.title }}</h2>
{{- chart(image) }}

<h2 id="results">Results</h2>
<p class="soft">Means over entities (of an arm with one receiver: its own) ± one sample standard deviation over seeds; z: raw features,
p: what is shared. Single entities stand in sweep.csv and in each report. {{ costs_legend }}</p>
{%- call table("Results of all variants") %}
{{- heads("variant", "arm") }}
{%- for group in groups %}
<tbody class="arm">
{%- for line in group %}
<tr>
{%- if loop.first %}
<th class="text" scope="rowgroup" rowspan="{{ group|length }}">
{%- if line.label in links %}<a href="{{ links[line.label] }}">{{ line.label }}</a>{% else %}{{ line.label }}{% endif %}</th>
{%- endif %}
<td class="text">{{ line.arm }}{% if line.note %}<sup>{{ notes.index(line.note) + 1 }}</sup>{% endif %}</td>
{%- for column in columns %}<td{% if column.cost %} class="cost"{% endif %}>{{ line.texts[loop.index0] }}</td>{% endfor %}
</tr>
{%- endfor %}
</tbody>
{%- endfor %}
{%- endcall %}
{{- missing() }}
""",
)
