"""A graph as SVG, laid out here: one file, no fonts, scripts or network; light and dark by the reader's choice.

Never needs Graphviz. Escapes all text. Pure.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from heapscope.pictures.graph import Edge, Graph, Look, Node
from heapscope.pictures.layers import Layout, place_boxes
from heapscope.pictures.text import cut_cells, escape_xml, shown, text_cells

MAX_CELLS = 46  # of a line in a box
MAX_LABEL_CELLS = 32
_CELL = 7.3  # width of a column in a fixed-width font of 12 px, a little more than it is in most
_LINE = 16.0
_PADDING = 10.0
_LAYER_GAP = 22.0
_MARGIN = 16.0
_HEAD = 30.0
_STYLE = """
svg{background:#fff;color:#1b1b1b;font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.box{fill:#fff;stroke:#555}.root .box{fill:#d5e8f7;stroke:#1f4e79}.asked .box{fill:#fbe3b5;stroke:#8a5a00;stroke-width:2.5}
.more .box{fill:#eee;stroke:#777;stroke-dasharray:4 3}.arrow{fill:none;stroke:#666}.dashed{stroke-dasharray:5 4}
.tip{fill:#666}text{fill:#1b1b1b}.name{font-weight:bold}.title{font-size:14px;font-weight:bold}.label{fill:#333}
.asked .inner{fill:none;stroke:#8a5a00}
@media (prefers-color-scheme:dark){svg{background:#14181d}text{fill:#e6e6e6}.box{fill:#1e242b;stroke:#9aa4ad}
.root .box{fill:#16324a;stroke:#7db8e8}.asked .box{fill:#4a3608;stroke:#e6b450}.more .box{fill:#262c33}
.arrow{stroke:#9aa4ad}.tip{fill:#9aa4ad}.label{fill:#cfd6dc}.asked .inner{stroke:#e6b450}}
""".replace("\n", "")


@dataclasses.dataclass(frozen=True, slots=True)
class _Box:
    """A node with its lines cut, and its size."""

    node: Node
    lines: tuple[str, ...]
    width: float
    height: float


def write_svg(graph: Graph, *, is_fragment: bool = False) -> str:
    """Write a graph as an SVG file; as a fragment, without its own style sheet, for a page that has STYLE."""
    boxes = {node.key: _box_of(node) for node in graph.nodes}
    # A label is a box without a frame half way down its arrow: so nothing is written over anything.
    labels = {f"label {at}": _label_of(edge) for at, edge in enumerate(graph.edges) if _has_label(edge)}
    arrows = [pair for at, edge in enumerate(graph.edges) for pair in _arrows_of(at, edge)]
    everything = {**boxes, **labels}
    layout = place_boxes({key: box.width for key, box in everything.items()}, arrows)
    tops = _tops(everything, layout)
    heading = cut_cells(shown(f"{graph.title} ({graph.note})" if graph.note else graph.title, 300), 110)
    width = max(layout.width, text_cells(heading) * _CELL * 14 / 12) + 2 * _MARGIN
    size = f'viewBox="0 0 {width:.0f} {tops[-1]:.0f}" width="{width:.0f}" height="{tops[-1]:.0f}"'
    title = escape_xml(graph.title, 300)
    dashed = [edge.is_dashed for at, edge in enumerate(graph.edges) for _ in _arrows_of(at, edge)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}">',
        "" if is_fragment else f"<title>{title}</title><style>{_STYLE}</style>",
        f'<text class="title" x="{_MARGIN:.0f}" y="20">{escape_xml(heading, 300)}</text>',
    ]
    for (source, target), bends, is_dashed in zip(arrows, layout.bends, dashed, strict=True):
        line = _line(everything[source], everything[target], bends, tops, is_loop=source == target)
        parts.append(_drawn_line(line, is_dashed=is_dashed, has_tip=target in boxes))
    for key, place in layout.places.items():
        draw = _drawn_box if key in boxes else _drawn_label
        parts.append(draw(everything[key], _MARGIN + place.x, tops[place.layer]))
    return "\n".join(part for part in [*parts, "</svg>"] if part) + "\n"


def _has_label(edge: Edge) -> bool:
    return bool(edge.label) and edge.source != edge.target


def _arrows_of(at: int, edge: Edge) -> list[tuple[str, str]]:
    if not _has_label(edge):
        return [(edge.source, edge.target)]
    return [(edge.source, f"label {at}"), (f"label {at}", edge.target)]


def _box_of(node: Node) -> _Box:
    lines = tuple(cut_cells(shown(line), MAX_CELLS) for line in node.lines)
    width = max((text_cells(line) for line in lines), default=1) * _CELL + 2 * _PADDING
    return _Box(node, lines, width, len(lines) * _LINE + _PADDING)


def _label_of(edge: Edge) -> _Box:
    text = cut_cells(shown(edge.label), MAX_LABEL_CELLS)
    return _Box(Node("", (edge.label,)), (text,), text_cells(text) * _CELL, _LINE)


def _tops(boxes: dict[str, _Box], layout: Layout) -> list[float]:
    """Where each layer starts, and where the picture ends."""
    heights = [0.0] * layout.layer_count
    for key, place in layout.places.items():
        heights[place.layer] = max(heights[place.layer], boxes[key].height)
    tops = [_HEAD + _PADDING]
    for height in heights:
        tops.append(tops[-1] + height + _LAYER_GAP)
    return [*tops[:-1], tops[-1] - _LAYER_GAP + _MARGIN]


def _drawn_box(box: _Box, middle: float, top: float) -> str:
    left = middle - box.width / 2
    radius = 12 if box.node.look is Look.ROOT else 2
    frame = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    parts = [f'<g class="{box.node.look}"><rect class="box" rx="{radius}" {frame}/>']
    if box.node.look is Look.ASKED:
        inner = f'x="{left + 3:.1f}" y="{top + 3:.1f}" width="{box.width - 6:.1f}" height="{box.height - 6:.1f}"'
        parts.append(f'<rect class="inner" {inner}/>')
    for at, text in enumerate(box.lines):
        name = ' class="name"' if at == 0 else ""
        y = top + _PADDING / 2 + (at + 1) * _LINE - 4
        parts.append(f'<text{name} text-anchor="middle" x="{middle:.1f}" y="{y:.1f}">{escape_xml(text)}</text>')
    return "".join([*parts, _full_text(box), "</g>"])


def _drawn_label(box: _Box, middle: float, top: float) -> str:
    place = f'text-anchor="middle" x="{middle:.1f}" y="{top + _LINE - 4:.1f}"'
    return f'<text class="label" {place}>{escape_xml(box.lines[0])}{_full_text(box)}</text>'


def _full_text(box: _Box) -> str:
    """What a pointer that rests on it is shown: the lines before they were cut."""
    full = tuple(shown(text) for text in box.node.lines)
    return f"<title>{escape_xml(' '.join(full), 500)}</title>" if full != box.lines else ""


def _line(
    source: _Box, target: _Box, bends: Sequence[tuple[int, float]], tops: Sequence[float], *, is_loop: bool
) -> list[tuple[float, float]]:
    """Return the points from the edge of one box to that of the other."""
    points = [(_MARGIN + x, tops[layer]) for layer, x in bends]
    (x, y), (far_x, far_y) = points[0], points[-1]
    if is_loop:
        right = x + source.width / 2
        return [(right, y + source.height - 4), (right + 16, y + source.height / 2), (right, y + 6)]
    is_down = bends[-1][0] > bends[0][0]
    start = (x, y + source.height if is_down else y)
    end = (far_x, far_y if is_down else far_y + target.height)
    return [start, *((x, y + _LINE / 2) for x, y in points[1:-1]), end]


def _drawn_line(line: list[tuple[float, float]], *, is_dashed: bool, has_tip: bool) -> str:
    x, y = line[-1]
    tip = (7 if y > line[-2][1] else -7) if has_tip else 0
    line = [*line[:-1], (x, y - tip)]
    path = f"M{line[0][0]:.1f} {line[0][1]:.1f}"
    for (left, top), (right, bottom) in itertools.pairwise(line):
        half = (top + bottom) / 2
        path += f"C{left:.1f} {half:.1f} {right:.1f} {half:.1f} {right:.1f} {bottom:.1f}"
    drawn = f'<path class="arrow{" dashed" if is_dashed else ""}" d="{path}"/>'
    if has_tip:
        drawn += f'<path class="tip" d="M{x - 4:.1f} {y - tip:.1f}h8L{x:.1f} {y:.1f}Z"/>'
    return drawn


STYLE = _STYLE.replace("svg{background:#fff;color:#1b1b1b;", ".graph svg{").replace("svg{background:#14181d}", "")
"""For a page that holds fragments inside elements of the class ``graph``."""
