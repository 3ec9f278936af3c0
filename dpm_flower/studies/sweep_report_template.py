"""A sweep's page as a Jinja template: one HTML file that links to its variants' reports and needs nothing else."""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ results.sweep }} – dpm-flower sweep</title>
<style>{{ style|safe }} a { color: var(--mark); }</style>
</head>
<body>
<main>
<header>
<h1>{{ results.sweep }}</h1>
<p class="soft">{{ results.variants|length }} variants of one study, laid side by side; each links to its own report.</p>
</header>

<h2 id="chart">{{ chart.title }}</h2>
<figure>
<div class="scroll" tabindex="0" role="group" aria-label="{{ chart.title }}"><picture>
<source media="(prefers-color-scheme: dark)" srcset="{{ chart.dark }}">
<img src="{{ chart.light }}" alt="{{ chart.alt }}">
</picture></div>
<figcaption>{{ chart.caption }}</figcaption>
</figure>

<h2 id="results">Results</h2>
<p class="soft">Means over entities (of an arm with one receiver: its own) ± one sample standard deviation over seeds; z: raw features,
p: what is shared. Single entities stand in sweep.csv and in each report.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Results of all variants">
<table>
<thead><tr>
<th class="text" scope="col">variant</th><th class="text" scope="col">arm</th>
{%- for column in columns %}
<th{% if column.cost %} class="cost"{% endif %} scope="col">{{ column.figure.head }}
{%- if column.unit %} <span class="unit">{{ column.unit }}</span>{% endif %}</th>
{%- endfor %}
</tr></thead>
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
</table>
</div>
{%- if notes %}
<h3>What is missing, and why</h3>
<ol>
{%- for note in notes %}
<li>{{ note }}</li>
{%- endfor %}
</ol>
{%- endif %}
</main>
</body>
</html>
"""
