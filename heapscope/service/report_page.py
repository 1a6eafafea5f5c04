"""The use case "a page of a report": what the page shows beside the report, asked of the same snapshot.

Never writes HTML itself: pictures/html does, nor a file: whoever asked does.
"""

from __future__ import annotations

from heapscope import __version__
from heapscope.analysis.paths import RootPath
from heapscope.analysis.suspects.model import Report
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.pictures.graph import Graph
from heapscope.pictures.html.page import html_page
from heapscope.pictures.html.sections import MAX_GRAPHS, MAX_SLOTS, MAX_TYPES
from heapscope.pictures.html.tables import PageTables, TypeLine
from heapscope.pictures.path_graph import Way, WayStep, graph_of_ways
from heapscope.pictures.treemap_svg import blocks_of
from heapscope.pictures.words import root_words
from heapscope.service.queries import HeapQueries
from heapscope.service.slots import advise
from heapscope.snapshot.model import NO_OBJECT, Snapshot
from heapscope.units import short_type_name

WAYS = 3  # to each suspect


def report_page(
    report: Report, snapshot: Snapshot, *, heap: HeapQueries | None = None, oversight: Oversight = UNWATCHED
) -> str:
    """Write the page of a report on a snapshot. ``heap``, if there is one already, answers about it.

    O((n + m) log n) at worst, for dominators and retained sizes; some tenths of a second for each suspect. Raises Cancelled.
    """
    asked = heap if heap is not None else HeapQueries(snapshot, oversight)
    types = asked.types(recursive=False)
    lines = [
        TypeLine(
            one.type_name,
            one.count,
            one.shallow_bytes,
            one.share,
            one.retained_bytes,
            is_minimum=one.retained_is_minimum,
        )
        for one in types[:MAX_TYPES]
    ]
    slots = [one for one in advise(snapshot) if one.saves_bytes > 0]
    tables = PageTables(
        types=tuple(lines),
        type_count=len(types),
        blocks=blocks_of(asked.tree),
        graphs=tuple(_graphs(report, asked)),
        slots=tuple(slots[:MAX_SLOTS]),
        slots_count=len(slots),
        heapscope_version=__version__,
    )
    return html_page(report, tables)


def _graphs(report: Report, heap: HeapQueries) -> list[tuple[int, Graph]]:
    """Draw the ways to the first suspects that are one object."""
    found = []
    for place, suspect in enumerate(report.suspects):
        index = suspect.object_index
        if index == NO_OBJECT or not 0 <= index < heap.snapshot.object_count or not heap.is_reached(index):
            continue
        ways = heap.paths.alternatives(index, heap.referrers, WAYS, heap.oversight)
        asked = short_type_name(heap.type_name_of(index))
        title = f"Ways from roots to {suspect.holder}"
        found.append((place, graph_of_ways(title, [_way(heap, way) for way in ways], asked)))
        if len(found) == MAX_GRAPHS:
            break
    return found


def _way(heap: HeapQueries, path: RootPath) -> Way:
    names = heap.edge_names.along(path.objects)
    steps = tuple(
        WayStep(heap.type_name_of(one), heap.address_of(one), name, size_bytes=int(heap.snapshot.shallow[one]))
        for one, name in zip(path.objects, names, strict=True)
    )
    return Way(root_words(path.root), steps)
