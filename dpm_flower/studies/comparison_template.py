"""A comparison's page as a Jinja template."""

from dpm_flower.studies.page_template import page

TEMPLATE = page(
    "{{ results.comparison }} – dpm-flower comparison",
    """<header>
<h1>{{ results.comparison }}</h1>
<p class="soft">{{ results.trials|length }} systems, tried on the same data under the same seeds.</p>
<dl class="facts">
{%- for name, value in summary %}
<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{%- endfor %}
</dl>
</header>

<h2 id="results">Results</h2>
<p class="soft">{{ legend }}</p>
{%- call table("Results of all trials") %}
<thead><tr>
<th class="text" scope="col">trial</th>
{%- for column in results.columns %}
<th scope="col">{{ column.head }}{% if column.unit %} <span class="unit">{{ column.unit }}</span>{% endif %}</th>
{%- endfor %}
<th class="cost" scope="col">CPU time <span class="unit">s</span></th>
</tr></thead>
<tbody>
{%- for line in lines %}
<tr><th class="text" scope="row">{{ line.trial }}{% if line.note %}<sup>{{ notes.index(line.note) + 1 }}</sup>{% endif %}</th>
{%- for text in line.texts %}<td>{{ text }}</td>{% endfor %}<td class="cost">{{ line.cpu }}</td></tr>
{%- endfor %}
</tbody>
{%- endcall %}
{{- missing() }}
{%- if results.conclusions %}
<ul>
{%- for sentence in results.conclusions %}
<li>{{ sentence }}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- for image in charts %}

<h2>{{ image.title }}</h2>
{{- chart(image) }}
{%- endfor %}
{%- for image in grids %}

<h2>{{ image.title }}</h2>
{{- chart(image) }}
{%- endfor %}

<h2 id="circumstances">Circumstances</h2>
{%- for title, rows in tables %}
<h3>{{ title }}</h3>
<div class="scroll" tabindex="0" role="group" aria-label="{{ title }}">
<table><tbody>
{%- for name, value in rows %}
<tr><th class="text" scope="row">{{ name }}</th><td class="text">{{ value }}</td></tr>
{%- endfor %}
</tbody></table>
</div>
{%- endfor %}
""",
)
