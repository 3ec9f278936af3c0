"""The report's page as a Jinja template, below the head that it shares with a sweep's."""

from dpm_flower.studies.page_template import page

TEMPLATE = page(
    "{{ results.study }} – dpm-flower report",
    """<header>
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
most frequent class. An arm with one receiver has one line: the receiver’s decider, and the mean of the releases. {{ costs_legend }}</p>
{%- call table("Result table") %}
{{- heads("arm", "entity") }}
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
{%- endcall %}
{{- missing() }}
{%- if attacks %}

<h2 id="attacks">Attacks</h2>
<p>What each attacker makes of raw (z) and of shared (p) features, over the arm’s releases: mean ± one sample standard deviation over
seeds. A low SSIM, little structure and a high L1 mean a poor reconstruction.</p>
{%- call table("Attacks") %}
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
{%- endcall %}
{%- endif %}
{%- if disclosed %}

<h3 id="disclosed">Disclosed fraction</h3>
{{- chart(disclosed) }}
{%- endif %}

<h2 id="gain">Gain kept</h2>
<p>Of what sharing raw features wins over an entity's own data, how much each arm keeps: 0&nbsp;% is own data, 100&nbsp;% raw features; of
networks that are trained on images, raw images. The interval: test images are drawn again with
replacement, and the mean over several seeds scatters as Student’s t does.</p>
{%- call table("Gain kept") %}
<thead><tr>
<th class="text" scope="col">arm</th><th class="text" scope="col">gain kept <span class="unit">[95 % interval]</span></th>
<th scope="col">gain of raw data <span class="unit">points of top-1 ± standard error</span></th>
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
{%- endcall %}

{%- if frontier %}

<h3 id="frontier">Gain kept against disclosure</h3>
{{- chart(frontier) }}
{%- endif %}

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
{%- call table(tuning.method) %}
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
{%- endcall %}
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
""",
)
