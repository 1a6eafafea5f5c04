"""Reports made by hand, for pictures of them: one as usual, one in which every text is hostile. Never reads a heap."""

from __future__ import annotations

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.memory import Component, MemorySplit, Part
from heapscope.analysis.slots.model import SlotsRow
from heapscope.analysis.slots.model import Verdict as SlotsVerdict
from heapscope.analysis.suspects.model import (
    Confidence,
    HeapFigures,
    PathStep,
    Report,
    Suspect,
    SuspectKind,
    Verdict,
    VerdictKind,
)
from heapscope.pictures.html.tables import PageTables, TypeLine
from heapscope.pictures.path_graph import Way, WayStep, graph_of_ways
from heapscope.pictures.treemap import Cell, CellKind
from heapscope.pictures.treemap_svg import Block, blocks_of
from tests.support.shop import Shop


def split(name: str) -> MemorySplit:
    """Give where the resident memory is; every note is the name."""
    parts = (Part.PYTHON_OBJECTS, Part.MALLOC_USED, Part.UNEXPLAINED)
    components = tuple(Component(part, 300_000_000, (name,)) for part in parts)
    return MemorySplit(900_000_000, 890_000_000, 880_000_000, 0, 4 << 30, name, components, True, name, 0)


def figures(name: str = "api-worker") -> HeapFigures:
    """Give the figures of a heap."""
    return HeapFigures(
        pid=48213,
        python_version="3.12.4",
        command=name,
        captured_at=1_795_000_000.0,
        object_count=8_100_000,
        heap_bytes=2_480_000_000,
        garbage_count=19_000,
        garbage_bytes=9_100_000,
        rss_bytes=3_300_000_000,
        pause_ns=840_000,
        coverage=0.993,
        collector="native-clone",
        growth_bytes=191 << 20,
        growth_count=2_900_000,
    )


def suspect(name: str, *, steps: int = 4, sentences: int = 3) -> Suspect:
    """Give a suspect in which every text is, or holds, the name."""
    return Suspect(
        kind=SuspectKind.GROWTH,
        holder=name,
        path=tuple(PathStep(name, name, name) for _ in range(steps)),
        retained_bytes=1_910 << 20,
        share=0.83,
        confidence=Confidence.HIGH,
        evidence=(name,) * sentences,
        next=(name,) * sentences,
        place=name,
        type_name=name,
        entries=412_902,
        growth_bytes=188 << 20,
        rising=7,
        steps=7,
    )


def report(name: str = "app.sessions.REGISTRY.sessions", *, suspects: int = 2, **sizes: int) -> Report:
    """Give a report in which every text is, or holds, the name."""
    return Report(
        verdict=Verdict(VerdictKind.GROWING, name, Confidence.HIGH, (name,)),
        suspects=tuple(suspect(name, **sizes) for _ in range(suspects)),
        figures=figures(name),
        memory=split(name),
        interval_s=1860,
        snapshot_count=7,
        warnings=(name,),
    )


def slots_row(name: str, line: str) -> SlotsRow:
    """Give the advice on one class."""
    return SlotsRow(
        type_name=name,
        instances=412_902,
        bytes_now=99_000_000,
        bytes_slots=36_000_000,
        saves_bytes=63_000_000,
        verdict=SlotsVerdict.SAFE,
        attributes=("user",),
        blockers=(),
        states={},
        slots_line=line,
        file=line,
        line=5,
    )


def tables(name: str = "", *, types: int = 60, blocks: int = 24) -> PageTables:
    """Give the tables of the shop; with a name, tables in which every text is that name."""
    slots = (slots_row(name or "app.Session", name or '__slots__ = ("user",)'),)
    way = Way(name or "module app", tuple(WayStep(name or "builtins.list", at, name or "[0]") for at in range(60)))
    graph = graph_of_ways(name or "Ways", [way] * 5, name or "list")
    lines = tuple(TypeLine(name or f"app.T{at}", 100, 5000, 0.02, 9000, is_minimum=bool(at % 2)) for at in range(types))
    if not name:
        tree_blocks = blocks_of(build_dominator_tree(Shop().snapshot()))
        return PageTables(lines, types, tree_blocks, ((0, graph),), slots, len(slots), "1.0")
    inside = tuple(Block(Cell(CellKind.ROWS, name, 1000, 0.1, 1)) for _ in range(10))
    hostile = tuple(Block(Cell(CellKind.ROWS, name, 10_000, 0.1, 1), inside) for _ in range(blocks))
    graphs = tuple((at, graph) for at in range(20))
    return PageTables(lines, 10**6, hostile, graphs, slots * 40, 40, name)
