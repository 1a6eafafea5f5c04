"""What a worker finds out about a snapshot beyond its census: holders, where the memory is, the report with its verdict.

Never runs in the daemon itself: it loads numpy and whole heaps. A part that another version of heapscope lacks is left out.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import importlib.util
from collections.abc import Iterable
from typing import Any

from heapscope.analysis.histogram import build_histogram
from heapscope.analysis.memory import split_memory
from heapscope.daemon.model import HolderBytes, TypeCount
from heapscope.daemon.type_rows import MAX_NAME, top_types
from heapscope.errors import SnapshotFileError
from heapscope.service.queries import HeapQueries
from heapscope.snapshot.file import load_snapshot
from heapscope.snapshot.model import Snapshot
from heapscope.units import clean_text

TOP_HOLDERS = 50


def census_of(snapshot: Snapshot) -> tuple[TypeCount, ...]:
    """Count objects and bytes by type; what is not among the largest is OTHER."""
    rows = build_histogram(snapshot, recursive=False).rows
    return top_types([TypeCount(row.type_name, row.count, row.shallow_bytes) for row in rows])


def holders_of(heap: HeapQueries) -> tuple[HolderBytes, ...]:
    """Return what modules and threads hold alone. They are roots, so none is inside another, and the sizes add up."""
    rows = [("module", row) for row in heap.tree.modules()] + [("thread", row) for row in heap.tree.threads()]
    rows.sort(key=lambda each: -each[1].retained_bytes)
    return tuple(
        HolderBytes(f"{kind} {clean_text(row.label, MAX_NAME)}", row.retained_bytes)
        for kind, row in rows[:TOP_HOLDERS]
        if row.retained_bytes
    )


def memory_of(snapshot: Snapshot) -> dict[str, int]:
    """Return the parts of the resident memory, which add up to it; nothing where the capture did not read them."""
    if snapshot.memory is None:
        return {}
    return {str(part.part): part.bytes for part in split_memory(snapshot.memory, snapshot).components}


def report_of(paths: Iterable[str], heap: HeapQueries, source: str) -> tuple[str, dict[str, Any]] | None:
    """Return the verdict's kind and the report as JSON values; None where this heapscope has no reports.

    Args:
        paths: earlier snapshots of the same process, oldest first; each is let go before the next one is read.
        heap: the newest.
        source: the word by which commands find it again.
    """
    if importlib.util.find_spec("heapscope.service.report") is None:
        return None
    reports = importlib.import_module("heapscope.service.report")
    earlier = []
    for path in paths:
        try:
            earlier.append(reports.summarise(load_snapshot(path)))
        except SnapshotFileError:
            continue  # thinned meanwhile
    plain = as_plain(reports.report_on([*earlier, heap.snapshot], heap=heap, source=source))
    return str(plain["verdict"]["kind"]), plain


def as_plain(value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON values
    """Turn dataclasses, enums and tuples into JSON values; texts are cleaned, what is neither is left out."""
    if depth > 20 or value is None or isinstance(value, (bool, float)):
        return value if depth <= 20 else None
    if isinstance(value, enum.Enum):
        return str(value.value) if isinstance(value, str) else value.name.lower()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return clean_text(value, 2000)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: as_plain(getattr(value, name), depth + 1) for name in names}
    if isinstance(value, dict):
        return {clean_text(str(key)): as_plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(one, depth + 1) for one in value]
    return None
