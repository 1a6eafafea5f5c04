"""What the page of a report shows beside the report itself. Values only; all names are foreign text."""

from __future__ import annotations

import dataclasses

from heapscope.analysis.slots.model import SlotsRow
from heapscope.pictures.graph import Graph
from heapscope.pictures.treemap_svg import Block


@dataclasses.dataclass(frozen=True, slots=True)
class TypeLine:
    """All objects of one type name. Sizes in bytes; ``retained_bytes`` None where not computed, a lower bound with ``is_minimum``."""

    type_name: str
    count: int
    shallow_bytes: int
    share: float
    retained_bytes: int | None = None
    is_minimum: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class PageTables:
    """``graphs`` are the ways to what suspects hold, by the suspect's place in the report. What is empty is not shown."""

    types: tuple[TypeLine, ...] = ()
    type_count: int = 0
    blocks: tuple[Block, ...] = ()
    graphs: tuple[tuple[int, Graph], ...] = ()
    slots: tuple[SlotsRow, ...] = ()
    slots_count: int = 0
    heapscope_version: str = ""
