"""The style sheet of the page. Contrast of text is at least 7 : 1 in both schemes; nothing is loaded from anywhere."""

from __future__ import annotations

from heapscope.pictures import svg, treemap_svg

LIGHT = "--ink:#16191d;--soft:#454c54;--paper:#fff;--card:#f4f6f8;--line:#c9d0d6;--bar:#1c6ea4;--alarm:#8a3a00;--calm:#0b5d3b"
DARK = "--ink:#e8ebee;--soft:#bcc4cb;--paper:#14181d;--card:#1d232a;--line:#3b454e;--bar:#6db5e8;--alarm:#ffb37a;--calm:#7fd8ac"
_GRAPH_DARK = svg.STYLE[svg.STYLE.index("@media") :]
_GRAPH_LIGHT = svg.STYLE[: svg.STYLE.index("@media")]

STYLE = f"""
:root{{color-scheme:light dark;{LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0 auto;padding:1rem;max-width:68rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}
h1{{font-size:1.25rem;margin:0 0 .25rem}}h2{{font-size:1.15rem;margin:2rem 0 .5rem}}h3{{font-size:1rem;margin:0 0 .5rem}}
p{{margin:.4rem 0}}code,pre,.num,td.name{{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em}}
pre{{white-space:pre-wrap;background:var(--paper);border:1px solid var(--line);border-radius:4px;padding:.4rem .6rem;margin:.3rem 0}}
.verdict{{border:2px solid var(--calm);border-radius:6px;padding:.75rem 1rem;margin:1rem 0}}
.verdict.alarm{{border-color:var(--alarm);border-left-width:10px}}.verdict strong{{font-size:1.15rem}}
.tag{{display:inline-block;border:1px solid currentColor;border-radius:3px;padding:0 .4em;font-size:.85em;color:var(--soft)}}
.soft{{color:var(--soft);font-size:.9em}}.card{{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;margin:.75rem 0}}
.facts{{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.3rem 1rem;margin:.75rem 0;padding:0}}
.facts div{{border-top:1px solid var(--line)}}.facts dt{{color:var(--soft);font-size:.85em}}.facts dd{{margin:0}}
table{{border-collapse:collapse;width:100%}}caption{{text-align:left;color:var(--soft);font-size:.9em;padding-bottom:.3rem}}
th,td{{text-align:left;vertical-align:top;padding:.3rem .5rem .3rem 0;border-bottom:1px solid var(--line)}}
thead th,thead td{{border-bottom:2px solid var(--soft);font-size:.9em}}tbody th{{font-weight:normal}}
.num{{text-align:right;white-space:nowrap}}th.num{{font-family:inherit}}
.bar{{width:22%}}.bar span{{display:block;height:.8em;margin-top:.35em;background:var(--bar);min-width:2px}}
ol.way{{margin:.3rem 0;padding-left:1.6rem}}ul{{margin:.3rem 0;padding-left:1.3rem}}
.scroll{{overflow-x:auto;border:1px solid var(--line);border-radius:4px;background:var(--paper)}}.scroll svg{{display:block}}
.treemap svg{{width:100%;height:auto;display:block}}.treemap .narrow{{display:none}}
@media (max-width:40rem){{.treemap .narrow{{display:block}}.treemap .wide{{display:none}}.rank2,.bar{{display:none}}body{{padding:.75rem}}
th,td{{padding-right:.35rem}}}}
{_GRAPH_LIGHT}{treemap_svg.STYLE}
{_GRAPH_DARK}
@media (prefers-color-scheme:dark){{{treemap_svg.DARK_STYLE}}}
@media print{{:root{{{LIGHT}}}body{{max-width:none;font-size:11pt}}.card,.verdict,tr,svg{{break-inside:avoid}}
.scroll{{overflow:visible}}.scroll svg{{max-width:100%;max-height:20cm;height:auto}}}}
""".replace("\n", "")
