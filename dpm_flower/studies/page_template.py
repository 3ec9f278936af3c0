"""What both pages have in common, as Jinja text: the head with its style, and how a chart, a table, its head and reasons are shown.

One HTML file needs nothing else: app bundles carry .py files only, and nothing is fetched from anywhere.
"""

from jinja2 import Environment, StrictUndefined, select_autoescape

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #59636e; --faint: #d9dee6; --paper: #ffffff; --panel: #f5f7fa; --mark: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #9aa4b2; --faint: #3a4352; --paper: #161b22; --panel: #1e252e; --mark: #6cb8e6; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .75rem; padding-top: 1.1rem; border-top: 1px solid var(--faint); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, li { max-width: 46rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; padding: 0; }
.facts div { background: var(--panel); border-radius: .5rem; padding: .6rem .8rem; }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; font-weight: 600; }
.scroll { overflow-x: auto; max-width: 100%; }
.scroll:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .3rem .5rem; text-align: right; vertical-align: baseline; white-space: nowrap; }
th:first-child { padding-left: 0; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; font-weight: 600; white-space: normal; }
thead .unit { display: block; color: var(--soft); font-weight: 400; }
th.text, td.text { text-align: left; }
tbody th { font-weight: 400; }
tbody tr.mean td { font-weight: 700; }
tbody.arm { border-bottom: 1px solid var(--faint); }
tbody.arm th { font-weight: 700; white-space: normal; min-width: 7rem; max-width: 14rem; }
td.cost, th.cost { color: var(--soft); }
td.words { white-space: normal; text-align: left; min-width: 14rem; }
details > summary { cursor: pointer; font-weight: 600; margin: 1.4rem 0 .4rem; }
.settings th { color: var(--soft); }
a { color: var(--mark); }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; min-width: 38rem; height: auto; }
figure.pictures img { width: auto; max-width: 100%; min-width: 30rem; }
pre { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; }
.caution { border-left: 4px solid #d55e00; background: var(--panel); border-radius: 0 .5rem .5rem 0; padding: .3rem 1rem; }
sup { color: var(--mark); line-height: 0; }
@media (max-width: 30rem) { main { padding: 1.25rem 1rem 3rem; } h1 { font-size: 1.5rem; } }
@media print {
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  figure, tbody { break-inside: avoid; }
  figure img { min-width: 0; }
  table { font-size: .7rem; }
}
"""

MACROS = """
{%- macro chart(image, class="") %}
<figure{% if class %} class="{{ class }}"{% endif %}>
<div class="scroll" tabindex="0" role="group" aria-label="{{ image.title }}"><picture>
<source media="(prefers-color-scheme: dark)" srcset="{{ image.dark }}">
<img src="{{ image.light }}" alt="{{ image.alt }}">
</picture></div>
<figcaption>{{ image.caption }}</figcaption>
</figure>
{%- endmacro %}
{%- macro table(label) %}
<div class="scroll" tabindex="0" role="group" aria-label="{{ label }}">
<table>
{{- caller() }}
</table>
</div>
{%- endmacro %}
{%- macro heads(first, second) %}
<thead><tr>
<th class="text" scope="col">{{ first }}</th><th class="text" scope="col">{{ second }}</th>
{%- for column in columns %}
<th{% if column.cost %} class="cost"{% endif %} scope="col">{{ column.figure.head }}
{%- if column.unit %} <span class="unit">{{ column.unit }}</span>{% endif %}</th>
{%- endfor %}
</tr></thead>
{%- endmacro %}
{%- macro missing() %}
{%- if notes %}
<h3>What is missing, and why</h3>
<ol>
{%- for note in notes %}
<li>{{ note }}</li>
{%- endfor %}
</ol>
{%- endif %}
{%- endmacro %}
"""

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>TITLE</title>
<style>{{ style|safe }}</style>
</head>
<body>"""


def page(title: str, body: str) -> str:
    """A title and the content of <main>, Jinja text both -> the whole page's template; `rendered` fills in `style`."""
    return f"{HEAD.replace('TITLE', title)}{MACROS}<main>\n{body}</main>\n</body>\n</html>\n"


def rendered(template: str, **shown: object) -> str:
    """A page's template and what it shows -> the page. Whatever text comes in is escaped; raises UndefinedError for what is missing."""
    environment = Environment(autoescape=select_autoescape(default_for_string=True), undefined=StrictUndefined)
    return environment.from_string(template).render(style=STYLE, **shown)
