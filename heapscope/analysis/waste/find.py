"""The search for waste: all patterns, who holds what they found, and the rows to show, largest saving first.

Never adds rows of different patterns: they may speak of the same bytes. Within one pattern each byte is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from heapscope.analysis.paths import Paths
from heapscope.analysis.waste.attributes import find_cliff, find_dicts
from heapscope.analysis.waste.boxed import find_numbers
from heapscope.analysis.waste.duplicates import find_duplicates
from heapscope.analysis.waste.empties import find_empties
from heapscope.analysis.waste.model import Finding, WasteReport, WasteRow, least_of
from heapscope.analysis.waste.owners import Owners
from heapscope.analysis.waste.parts import HeapParts
from heapscope.analysis.waste.records import find_records
from heapscope.analysis.waste.reserved import find_reserved
from heapscope.analysis.waste.sparse import find_sparse
from heapscope.analysis.waste.texts import find_texts, records_width
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.snapshot.model import Snapshot

MAX_ROWS_PER_PATTERN = 1000

Find = Callable[[HeapParts, int], Iterable[Finding]]

FINDERS: tuple[Find, ...] = (
    find_records,
    find_dicts,
    find_cliff,
    find_reserved,
    find_numbers,
    find_duplicates,
    find_sparse,
    find_empties,
    find_texts,
)
_NO_WIDTHS = "how wide texts are was not recorded by this capture: wide text and cached UTF-8 are not looked for"
_NO_NAMES = "names of keys and attributes were not recorded by this capture: rows name types only"


def find_waste(
    snapshot: Snapshot,
    paths: Callable[[Oversight], Paths],
    *,
    least_bytes: int | None = None,
    oversight: Oversight = UNWATCHED,
) -> WasteReport:
    """Find everything that would save at least ``least_bytes``, by default ``model.least_of`` the heap.

    ``paths`` gives the shortest ways to everything, for the holders; it is asked once something was found. O(n + m) time, and
    sorting of the dicts and texts; at its peak about 20 bytes per object, beside the ways. Raises Cancelled.
    """
    least = least_of(snapshot.allocated_bytes) if least_bytes is None else least_bytes
    parts = HeapParts(snapshot, oversight)
    findings: list[Finding] = []
    for number, find in enumerate(FINDERS):
        oversight.report(0.5 * number / len(FINDERS))
        oversight.check()
        findings += sorted(find(parts, least), key=lambda one: -one.saves_bytes)[:MAX_ROWS_PER_PATTERN]
    rows: list[WasteRow] = []
    if findings:
        owners = Owners(parts, paths(oversight.part(0.5, 0.8)))
        for number, finding in enumerate(findings):
            oversight.report(0.8 + 0.2 * number / len(findings))
            oversight.check()
            rows += _rows(parts, owners, finding, least)
    rows.sort(key=lambda row: (-row.saves_bytes, row.pattern, row.subject, row.example))
    return WasteReport(tuple(rows), tuple(_not_recorded(parts)), least)


def _rows(parts: HeapParts, owners: Owners, finding: Finding, least: int) -> Iterator[WasteRow]:
    groups = [np.arange(finding.objects.size, dtype=np.uint32)]
    if finding.splits:
        groups = owners.split(finding.objects, finding.saves, max(least, 1))
    heap = max(1, parts.snapshot.allocated_bytes)
    for members in groups:
        objects = finding.objects[members]
        saves = int(finding.saves[members].sum())
        details = finding.describe(objects) if finding.describe is not None else finding.details
        yield WasteRow(
            pattern=finding.pattern,
            subject=finding.subject,
            type_name=finding.type_name,
            objects=objects,
            bytes_now=int(finding.now[members].sum()),
            saves_bytes=saves,
            precision=finding.precision,
            owner=owners.of(objects),
            fix=finding.fix,
            names=finding.names,
            details=details,
            share=saves / heap,
        )


def _not_recorded(parts: HeapParts) -> Iterator[str]:
    if not records_width(parts):
        yield _NO_WIDTHS
    if not parts.snapshot.naming.names:
        yield _NO_NAMES
