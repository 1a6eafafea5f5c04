"""What ``--fail-if`` can compare in each command, and how its figures follow from the rows that the command writes.

Never computes what a command did not: such a figure is not known. The names are a contract (docs/cli.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heapscope.cli.fail_if import Facts, Vocabulary, table_of

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.queries import HeapQueries

Row = Mapping[str, Any]

_TYPE_COLUMNS = frozenset({"count", "shallow_bytes", "recursive_bytes", "retained_bytes", "allocated_bytes", "share"})
TYPES = Vocabulary(frozenset({"heap.bytes", "heap.count", "types.count"}), {"type": _TYPE_COLUMNS})

_GROWTH_COLUMNS = frozenset({"count_before", "count_after", "count_delta", "per_minute_bytes"})
_HOLDER_GROWTH = _GROWTH_COLUMNS | {"held_before_bytes", "held_after_bytes", "held_delta_bytes"}
_TYPE_GROWTH = _GROWTH_COLUMNS | {"shallow_before_bytes", "shallow_after_bytes", "shallow_delta_bytes"}
GROWTH = Vocabulary(frozenset({"growth.bytes", "growth.count"}), {"holder": _HOLDER_GROWTH, "type": _TYPE_GROWTH})

_HEAP = frozenset({"heap.bytes", "heap.count", "reachable.bytes", "garbage.bytes", "garbage.count", "garbage.share"})
DOMINATORS = Vocabulary(_HEAP | {"largest.retained_bytes", "largest.share"})

PATHS = Vocabulary(frozenset({"paths.count", "objects.count", "unreached.count", "garbage.count"}))

_OBJECT_KEYS = ("shallow_bytes", "allocated_bytes", "recursive_bytes", "retained_bytes", "retained_count", "length")
OBJECT = Vocabulary(frozenset({*(f"object.{key}" for key in _OBJECT_KEYS), "object.refcount", "object.held_by_c"}))

_SLOTS_COLUMNS = frozenset({"instances", "bytes_now", "bytes_slots", "saves_bytes", "share"})
SLOTS = Vocabulary(frozenset({"classes.count", "largest.saves_bytes", "largest.share"}), {"type": _SLOTS_COLUMNS})

_TOTALS = ("rss", "pss", "uss", "swap", "trim", "limit")
_PARTS = (
    *("python_objects", "pymalloc_partly_free", "pymalloc_empty", "malloc_used", "malloc_free"),
    *("private", "file", "shared", "stacks", "unexplained"),
)
RSS = Vocabulary(
    frozenset(
        {
            *(f"{name}.bytes" for name in (*_TOTALS, *_PARTS)),
            *(f"{name}.share" for name in _PARTS),
            *("limit.share", "free.bytes", "free.share"),
        }
    )
)


def facts_of_types(rows: Sequence[Row]) -> Facts:
    """Give the figures of ``types``: all rows, whatever was filtered."""
    figures = {
        "heap.bytes": sum(row["shallow_bytes"] for row in rows),
        "heap.count": sum(row["count"] for row in rows),
        "types.count": len(rows),
    }
    return Facts(figures, {"type": table_of(rows, "type", _TYPE_COLUMNS)})


def facts_of_growth(holders: Sequence[Row], types: Sequence[Row]) -> Facts:
    """Give the figures of ``growth``; what was not asked for has no rows, and is not known."""
    figures = {
        "growth.bytes": sum(row["shallow_delta_bytes"] for row in types)
        if types
        else sum(row["held_delta_bytes"] for row in holders),
        "growth.count": sum(row["count_delta"] for row in types) if types else None,
    }
    tables = {
        "holder": table_of(holders, "holder", _HOLDER_GROWTH),
        "type": table_of(types, "type", _TYPE_GROWTH),
    }
    return Facts(figures, tables)


def facts_of_dominators(heap: HeapQueries, rows: Sequence[Row]) -> Facts:
    """Give the figures of ``dominators``; the largest is the first row."""
    size = heap.snapshot.heap_bytes
    garbage = heap.roots.garbage_bytes
    return Facts(
        {
            "heap.bytes": size,
            "heap.count": heap.snapshot.object_count,
            "reachable.bytes": heap.tree.reachable_bytes,
            "garbage.bytes": garbage,
            "garbage.count": heap.roots.garbage_count,
            "garbage.share": garbage / max(1, size),
            "largest.retained_bytes": rows[0]["retained_bytes"] if rows else 0,
            "largest.share": rows[0]["share"] if rows else 0.0,
        }
    )


def facts_of_object(facts: Row) -> Facts:
    """Give the figures of ``object``."""
    counts = facts["refcount"]
    figures = {f"object.{key}": facts.get(key) for key in _OBJECT_KEYS}
    return Facts({**figures, "object.refcount": counts["count"], "object.held_by_c": counts["held_by_c"]})


def facts_of_slots(rows: Sequence[Row]) -> Facts:
    """Give the figures of ``slots``; the largest is the class that saves most."""
    figures = {
        "classes.count": len(rows),
        "largest.saves_bytes": rows[0]["saves_bytes"] if rows else 0,
        "largest.share": rows[0]["share"] if rows else 0.0,
    }
    return Facts(figures, {"type": table_of(rows, "type", _SLOTS_COLUMNS)})


def facts_of_rss(row: Row) -> Facts:
    """Give the figures of ``rss``; ``free`` is what allocators keep free, of malloc and pymalloc together."""
    figures: dict[str, float | None] = {f"{name}.bytes": row[f"{name}_bytes"] for name in _TOTALS}
    figures["limit.share"] = row["rss_bytes"] / row["limit_bytes"] if row["limit_bytes"] else None
    for component in row["components"]:
        figures[f"{component['part']}.bytes"] = component["bytes"]
        figures[f"{component['part']}.share"] = component["share"]
    free = [
        one for one in row["components"] if one["part"] in {"malloc_free", "pymalloc_empty", "pymalloc_partly_free"}
    ]
    figures["free.bytes"] = sum(one["bytes"] for one in free)
    figures["free.share"] = sum(one["share"] for one in free)
    return Facts(figures)
