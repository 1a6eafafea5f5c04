"""What a worker finds out about a snapshot beyond its census: holders, where the memory is, the report with its verdict.

Never runs in the daemon itself: it loads numpy and whole heaps. A part that another version of heapscope lacks is left out.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heapscope.daemon.model import OTHER, HolderBytes, TypeCount
from heapscope.units import clean_text

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot

TOP_TYPES = 300
TOP_HOLDERS = 50
MAX_NAME = 300


def census_of(snapshot: Snapshot) -> tuple[TypeCount, ...]:
    """Count objects and bytes by type; what is not among the largest is OTHER."""
    from heapscope.analysis.histogram import build_histogram  # noqa: PLC0415 - numpy

    rows = build_histogram(snapshot, recursive=False).rows
    found = [TypeCount(clean_text(row.type_name, MAX_NAME), row.count, row.shallow_bytes) for row in rows[:TOP_TYPES]]
    rest = rows[TOP_TYPES:]
    if rest:
        found.append(TypeCount(OTHER, sum(row.count for row in rest), sum(row.shallow_bytes for row in rest)))
    return tuple(found)


def holders_of(snapshot: Snapshot) -> tuple[HolderBytes, ...]:
    """Return what modules and threads hold alone. They are roots, so none is inside another, and the sizes add up."""
    from heapscope.analysis.dominators import build_dominator_tree  # noqa: PLC0415 - numpy

    tree = build_dominator_tree(snapshot)
    rows = [("module", row) for row in tree.modules()] + [("thread", row) for row in tree.threads()]
    rows.sort(key=lambda each: -each[1].retained_bytes)
    return tuple(
        HolderBytes(f"{kind} {clean_text(row.label, MAX_NAME)}", row.retained_bytes)
        for kind, row in rows[:TOP_HOLDERS]
        if row.retained_bytes
    )


def report_of(snapshots: Sequence[Snapshot]) -> tuple[str, dict[str, Any]] | None:
    """Return the verdict's kind and the report as JSON values; None where this heapscope has no reports."""
    if importlib.util.find_spec("heapscope.service.report") is None:
        return None
    report = importlib.import_module("heapscope.service.report").report_on(snapshots)
    plain = as_plain(report)
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


def memory_of(report: dict[str, Any]) -> dict[str, int]:
    """Return the parts of the resident memory that a report tells of."""
    components = (report.get("memory") or {}).get("components") or []
    return {str(part["part"]): int(part["bytes"]) for part in components}
