"""Graphs in the languages of other programs: dot for Graphviz, Mermaid for Markdown. Escapes all text.

Never lays anything out: those programs do. Pure.
"""

from __future__ import annotations

from heapscope.pictures.graph import Edge, Graph, Look, Node
from heapscope.pictures.text import escape_dot, escape_mermaid

_DOT_LOOKS = {
    Look.ROOT: 'shape=box3d, fillcolor="#d5e8f7"',
    Look.OBJECT: 'shape=box, fillcolor="#ffffff"',
    Look.ASKED: 'shape=box, peripheries=2, fillcolor="#fbe3b5"',
    Look.MORE: 'shape=note, fillcolor="#eeeeee"',
}
# Brackets make the shape; a class the colour.
_MERMAID_SHAPES = {
    Look.ROOT: ('(["', '"])'),
    Look.OBJECT: ('["', '"]'),
    Look.ASKED: ('[["', '"]]'),
    Look.MORE: ('>"', '"]'),
}
_MERMAID_CLASSES = (
    "classDef root fill:#d5e8f7,stroke:#1f4e79,color:#000000",
    "classDef object fill:#ffffff,stroke:#555555,color:#000000",
    "classDef asked fill:#fbe3b5,stroke:#8a5a00,stroke-width:3px,color:#000000",
    "classDef more fill:#eeeeee,stroke:#777777,color:#000000",
)


def write_dot(graph: Graph) -> str:
    """Write a graph for Graphviz."""
    lines = [
        "digraph heapscope {",
        f'  label="{escape_dot(_heading(graph), 400)}"; labelloc=t; fontname="sans-serif";',
        '  node [style=filled, color="#555555", fontcolor="#000000", fontname="monospace", fontsize=10];',
        '  edge [color="#555555", fontcolor="#333333", fontname="monospace", fontsize=9];',
        *(_dot_node(node) for node in graph.nodes),
        *(_dot_edge(edge) for edge in graph.edges),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _dot_node(node: Node) -> str:
    text = "\\n".join(escape_dot(line) for line in node.lines)
    return f'  {node.key} [label="{text}", {_DOT_LOOKS[node.look]}];'


def _dot_edge(edge: Edge) -> str:
    words = [f'label="{escape_dot(edge.label)}"'] if edge.label else []
    words += ["style=dashed"] if edge.is_dashed else []
    attributes = f" [{', '.join(words)}]" if words else ""
    return f"  {edge.source} -> {edge.target}{attributes};"


def write_mermaid(graph: Graph) -> str:
    """Write a graph as a Mermaid flowchart."""
    lines = [
        "flowchart TB",
        *(_mermaid_node(node) for node in graph.nodes),
        *(_mermaid_edge(edge) for edge in graph.edges),
        *(f"  {one}" for one in _MERMAID_CLASSES),
    ]
    for look in Look:
        keys = [node.key for node in graph.nodes if node.look is look]
        lines += [f"  class {','.join(keys)} {look}"] if keys else []
    return "\n".join(lines) + "\n"


def _mermaid_node(node: Node) -> str:
    start, end = _MERMAID_SHAPES[node.look]
    return f"  {node.key}{start}{'<br/>'.join(escape_mermaid(line) for line in node.lines)}{end}"


def _mermaid_edge(edge: Edge) -> str:
    arrow = "-.->" if edge.is_dashed else "-->"
    label = f'|"{escape_mermaid(edge.label)}"|' if edge.label else ""
    return f"  {edge.source} {arrow}{label} {edge.target}"


def _heading(graph: Graph) -> str:
    return f"{graph.title} ({graph.note})" if graph.note else graph.title
