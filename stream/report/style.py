"""The style sheet: light and dark, wide and narrow, on a screen and on paper."""

from __future__ import annotations

LIGHT = {
    "ground": "#ffffff",
    "raised": "#f5f6f8",
    "ink": "#1b1f24",
    "quiet": "#57606a",
    "rule": "#d8dde3",
    "link": "#0b5cad",
    "s1": "#0067b1",
    "s2": "#b34f00",
    "s3": "#00734f",
    "s4": "#a13f7c",
    "s5": "#7a5c00",
    "s6": "#5b45c0",
    "real": "#c2222d",
    "virtual": "#7a3fc2",
    "label": "#8a6100",
    "outliers": "#57606a",
    "well": "#13733f",
}
DARK = {
    "ground": "#14171c",
    "raised": "#1e232a",
    "ink": "#e8eaed",
    "quiet": "#a6afb9",
    "rule": "#39424d",
    "link": "#7cb8ff",
    "s1": "#6cb6ff",
    "s2": "#ff9d5c",
    "s3": "#4fd1a5",
    "s4": "#f29bc9",
    "s5": "#e3c04b",
    "s6": "#b9a3ff",
    "real": "#ff8389",
    "virtual": "#c9a0ff",
    "label": "#e3b341",
    "outliers": "#a6afb9",
    "well": "#56d38c",
}
SERIES = ("s1", "s2", "s3", "s4", "s5", "s6")
"""Classes of lines that a reader can tell apart, with blindness for red and green, too."""


def style_sheet() -> str:
    """Write it."""
    return "\n".join(
        [
            f":root{{color-scheme:light dark;{_variables(LIGHT)}}}",
            f"@media(prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}",
            *[f".{name}{{--c:var(--{name})}}" for name in LIGHT if name not in _FRAME],
            _RULES,
        ]
    )


_FRAME = ("ground", "raised", "ink", "quiet", "rule", "link")


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


_RULES = """\
.b1,.b2{--c:var(--quiet)}
*{box-sizing:border-box}
body{margin:0;overflow-wrap:anywhere;background:var(--ground);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,footer{max-width:60rem;margin:0 auto;padding:0 1.25rem}
main{padding-top:1.5rem}
footer{padding-bottom:3rem;color:var(--quiet)}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0 .75rem}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--rule)}
p{margin:.4rem 0;max-width:46rem}
.lead{font-size:1.15rem}
.note,figcaption{color:var(--quiet);font-size:.875rem}
a{color:var(--link)}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
unicode-bidi:isolate}
dl.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.4rem,1fr));gap:.75rem;
margin:1.25rem 0}
dl.cards>div{background:var(--raised);border-radius:.5rem;padding:.6rem .8rem;display:flex;
flex-direction:column}
dl.cards dt{color:var(--quiet);font-size:.85rem}
dl.cards dd{margin:0;white-space:nowrap;font-size:1.1rem;font-weight:600;
font-variant-numeric:tabular-nums}
dl.cards dd small{display:block;white-space:normal;
font-size:.8rem;font-weight:400;color:var(--quiet)}
figure{margin:1rem 0}
svg.picture{display:block;width:100%;height:auto;
font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.narrow{display:none}
.picture text{fill:var(--ink)}
.picture .quiet{fill:var(--quiet)}
.picture .end,.picture .number{fill:var(--c)}
.picture .end{font-weight:600}
.picture .number{font-weight:700}
.picture .grid{stroke:var(--rule)}
.picture .baseline{stroke:var(--quiet);stroke-width:1.5;stroke-dasharray:5 4}
.picture .over{paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.curve.b1{stroke-width:1.5;stroke-dasharray:6 4}
.curve.b2{stroke-width:1.5;stroke-dasharray:2 4}
.drift{stroke:var(--c);stroke-width:1.25}
.band{fill:var(--c);opacity:.14}
.alarm.rose{fill:var(--real)}
.alarm.fell{fill:var(--well)}
.dot{fill:var(--c)}
.whisker{stroke:var(--c);stroke-width:3}
.part{fill:var(--c);fill-opacity:.55;stroke:var(--c)}
.found{fill:none;stroke:var(--ink);stroke-width:1.5}
ul.legend{list-style:none;margin:.25rem 0;padding:0;font-size:.875rem}
.key{display:inline-block;width:.85em;height:.85em;margin:0 .4em 0 0;border-radius:2px;
background:var(--c);vertical-align:-.05em}
.key.b1,.key.b2{background:none;border-top:2px dashed var(--c);height:.4em;border-radius:0}
.scroll{overflow-x:auto;margin:.75rem 0}
td{min-width:3rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);font-size:.875rem;padding-bottom:.25rem}
th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--rule);
vertical-align:baseline}
tbody th{font-weight:400;min-width:8rem}
th,td{overflow-wrap:break-word}
thead th{color:var(--quiet);font-size:.875rem;font-weight:600}
.number{text-align:right;white-space:nowrap}
thead th{overflow-wrap:normal;white-space:normal}
.number+td:not(.number),.number+th:not(.number){padding-left:.75rem}
tr.best th,tr.best td{font-weight:700}
tr.floor th,tr.floor td{color:var(--quiet)}
td small{color:var(--quiet)}
ol.drifts{list-style:none;margin:.75rem 0;padding:0}
ol.drifts li{border-left:4px solid var(--rule);padding:.1rem 0 .1rem .9rem;margin:.9rem 0}
ol.drifts li[class]{border-color:var(--c)}
ol.drifts li:target{background:var(--raised)}
.badge{display:inline-block;font-size:.8rem;font-weight:600;color:var(--c);
border:1px solid var(--c);border-radius:1rem;padding:0 .6em}
p.well{color:var(--well)}
p.unwell{color:var(--real)}
details{margin:.75rem 0}
summary{cursor:pointer;color:var(--link)}
pre{overflow-x:auto;white-space:pre-wrap;background:var(--raised);padding:.8rem;border-radius:.5rem;font-size:.85rem}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media(max-width:50rem){.wide{display:none}.narrow{display:block;max-width:32rem}}
@media(max-width:40rem){main,footer{padding-inline:1rem}
tbody th{min-width:5rem}th,td{padding-right:.5rem}
h1{font-size:1.4rem}.lead{font-size:1.05rem}}
@media print{body{font-size:10pt}h2,figure,li{break-inside:avoid}h2{break-after:avoid}}
"""
