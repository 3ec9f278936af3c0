"""The report's page as a Jinja template: one HTML file that needs nothing else (app bundles carry .py files only)."""

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

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ results.study }} – dpm-flower report</title>
<style>{{ style|safe }}</style>
</head>
<body>
{%- macro chart(image, class="") %}
<figure{% if class %} class="{{ class }}"{% endif %}>
<div class="scroll" tabindex="0" role="group" aria-label="{{ image.title }}"><picture>
<source media="(prefers-color-scheme: dark)" srcset="{{ image.dark }}">
<img src="{{ image.light }}" alt="{{ image.alt }}">
</picture></div>
<figcaption>{{ image.caption }}</figcaption>
</figure>
{%- endmacro %}
<main>
<header>
<h1>{{ results.study }}</h1>
<p class="soft">Training on each other's images without showing them: what each arm of this study came to.</p>
<dl class="facts">
{%- for name, value in summary %}
<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{%- endfor %}
</dl>
</header>

<h2 id="results">Results</h2>
<p class="soft">Mean ± one sample standard deviation over seeds. R is the public reconstructor, on raw (z) and on shared (p) features;
its SSIM is sign-aware (−1 to 1). “D as received” is what the decider makes of z and p before anybody refined it. Trivial: always naming the
most frequent class. An arm with one receiver has one line: the receiver’s decider, and the mean of the releases.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Result table">
<table>
<thead><tr>
<th class="text" scope="col">arm</th><th class="text" scope="col">entity</th>
{%- for column in columns %}
<th{% if column.cost %} class="cost"{% endif %} scope="col">{{ column.figure.head }}
{%- if column.unit %} <span class="unit">{{ column.unit }}</span>{% endif %}</th>
{%- endfor %}
</tr></thead>
{%- for arm in arms %}
<tbody class="arm">
{%- for row in arm %}
<tr{% if row.mean %} class="mean"{% endif %}>
{%- if loop.first %}
<th class="text" scope="rowgroup" rowspan="{{ arm|length }}">{{ row.arm }}</th>
{%- endif %}
<td class="text">{{ row.entity }}{% if row.mark %}<sup>{{ row.mark }}</sup>{% endif %}</td>
{%- for column in columns %}<td{% if column.cost %} class="cost"{% endif %}>{{ row.texts[loop.index0] }}</td>{% endfor %}
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
{%- if attacks %}

<h2 id="attacks">Attacks</h2>
<p>What each attacker makes of raw (z) and of shared (p) features, over the arm’s releases: mean ± one sample standard deviation over
seeds. A low SSIM and a high L1 mean a poor reconstruction.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Attacks">
<table>
<thead><tr>
<th class="text" scope="col">attack</th><th class="text" scope="col">arm</th>
{%- for head in attack_heads %}
<th scope="col">{{ head }} <span class="unit">z → p</span></th>
{%- endfor %}
</tr></thead>
<tbody>
{%- for line in attacks %}
<tr><th class="text" scope="row">{{ line.attack }}</th><td class="text">{{ line.arm }}</td>
{%- for text in line.texts %}<td>{{ text }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endif %}

<h2 id="gain">Gain kept</h2>
<p>Of what sharing raw features wins over an entity's own data, how much each arm keeps: 0&nbsp;% is own data, 100&nbsp;% raw features. The
interval is a bootstrap: seeds and test images are drawn again with replacement.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Gain kept">
<table>
<thead><tr>
<th class="text" scope="col">arm</th><th class="text" scope="col">gain kept <span class="unit">[95 % interval]</span></th>
<th scope="col">gain of raw features <span class="unit">points of top-1 ± standard error</span></th>
<th class="text" scope="col">resampled</th><th class="text" scope="col">remark</th>
</tr></thead>
<tbody>
{%- for gain in gains %}
<tr>
<th class="text" scope="row">{{ gain.arm }}</th><td class="text">{{ gain.kept }}</td><td>{{ gain.raw }}</td>
<td class="text">{{ gain.resampled }}</td><td class="words">{{ gain.reason }}</td>
</tr>
{%- else %}
<tr><td class="words" colspan="5">No arm of this study can keep a gain: it has references only.</td></tr>
{%- endfor %}
</tbody>
</table>
</div>

<h2 id="accuracy">Accuracy</h2>
{{- chart(bars) }}
{%- if curves %}

<h2 id="curves">Accuracy against cost</h2>
{{- chart(curves) }}
{%- endif %}
{%- if tunings %}

<h2 id="tuning">Settings, chosen on validation images</h2>
<p>Among several settings of one method the best mean top-1 over the entities’ own validation images chooses (✓). The test images
stand beside it and chose nothing.</p>
{%- for tuning in tunings %}
<h3>{{ tuning.method }}</h3>
<div class="scroll" tabindex="0" role="group" aria-label="{{ tuning.method }}">
<table>
<thead><tr>
<th class="text" scope="col">settings</th><th scope="col">validation <span class="unit">top-1, %</span></th>
<th scope="col">test <span class="unit">top-1, %</span></th>
</tr></thead>
<tbody>
{%- for line in tuning.lines %}
<tr{% if line.chosen %} class="mean"{% endif %}>
<th class="text" scope="row">{{ line.arm }}{% if line.chosen %} ✓{% endif %}</th><td>{{ line.validation }}</td><td>{{ line.test }}</td>
</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endfor %}
{%- endif %}

<h2 id="reading">What these figures prove, and what they do not</h2>
{%- for sentence in reading.shows %}
<p>{{ sentence }}</p>
{%- endfor %}
<div class="caution">
{%- for sentence in reading.does_not_show %}
<p>{{ sentence }}</p>
{%- endfor %}
</div>

<h2 id="holdings">Who holds what</h2>
{{- chart(holdings) }}
{%- if grids %}

<h2 id="pictures">What the public reconstructor sees</h2>
<p>Original images, and what the public reconstructor makes of their raw and of their shared features. The negative stands below,
since a negative discloses an image just as well.</p>
{%- for grid in grids %}
<h3>{{ grid.title }}</h3>
{{- chart(grid, "pictures") }}
{%- endfor %}
{%- endif %}

<h2 id="made">How it was made</h2>
<pre><code>{{ results.facts.command }}</code></pre>
{%- for title, table in tables %}
<details>
<summary>{{ title }}</summary>
<div class="scroll" tabindex="0" role="group" aria-label="{{ title }}">
<table class="settings"><tbody>
{%- for name, value in table %}
<tr><th class="text" scope="row">{{ name }}</th><td class="words">{{ value }}</td></tr>
{%- endfor %}
</tbody></table>
</div>
</details>
{%- endfor %}
</main>
</body>
</html>
"""
