"""``heapscope paths --to``: the ways as a picture.

Never computes anything: path_rows.py has the rows, pictures draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heapscope.cli.analysing import show_type
from heapscope.pictures.graph import Graph
from heapscope.pictures.languages import write_dot, write_mermaid
from heapscope.pictures.path_graph import Way, WayStep, graph_of_ways
from heapscope.pictures.svg import write_svg
from heapscope.units import format_count

_WRITERS = {"dot": write_dot, "svg": write_svg, "mermaid": write_mermaid}


def picture_of(rows: Sequence[Mapping[str, Any]], asked: str, count: int, language: str) -> str:
    """Draw the rows of ``heapscope paths`` in one of LANGUAGES. ``count`` objects of the type ``asked`` are asked about."""
    return _WRITERS[language](graph_of_rows(rows, asked, count))


def graph_of_rows(rows: Sequence[Mapping[str, Any]], asked: str, count: int) -> Graph:
    """Collect the rows as a graph."""
    name = show_type(asked)
    what = name if count == 1 else f"{format_count(count)} × {name}"
    return graph_of_ways(f"Ways from roots to {what}", [_way(row) for row in rows], what)


def _way(row: Mapping[str, Any]) -> Way:
    root = row["root"]
    thread = f" ({root['thread']})" if root["thread"] else ""
    label = root["label"] if root["label"].startswith(f"{root['kind']} ") else f"{root['kind']} {root['label']}".strip()
    steps = tuple(
        WayStep(step["type"], int(step["address"], 16), step["name"] or "", step["is_shared"], step["shallow_bytes"])
        for step in row["steps"]
    )
    return Way(label + thread, steps, row["count"], row["share"], None if row["is_exact"] else row["common"])
