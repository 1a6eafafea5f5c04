"""The rows of ``heapscope dominators``: the largest part of the tree that fits, in the order of the tree.

Never computes sizes: analysis/dominators.py does.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable
from typing import Any

from heapscope.analysis.dominators import OwnerRow, TreeRow
from heapscope.cli.analysing import MAX_NAME, address_text, root_text, show_type
from heapscope.errors import UsageError
from heapscope.service.queries import HeapQueries
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, format_count

GARBAGE_KIND = "garbage"
GARBAGE_LABEL = "garbage awaiting collection"
GARBAGE_TYPES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """Rows, their keys a contract (docs/cli.md), and whether smaller ones were left out."""

    rows: list[dict[str, Any]]
    left_out: bool = False


def tree_rows(heap: HeapQueries, top: int | None, *, merge: bool, depth: int, limit: int) -> Found:
    """Give the ``limit`` rows of the tree that retain most (0: all) below an object, or below the roots.

    No row retains more than the one it stands under, so these are a tree themselves: taken largest first, each is met
    after its parent. Garbage comes last, and is never what is left out.

    Raises:
        UsageError: the object is garbage: nothing is known to hold it.
    """
    if top is not None and not heap.is_reached(top):
        raise UsageError(
            f"{address_text(heap.address_of(top))} is garbage that awaits collection: no root leads to it",
            hint="heapscope object SOURCE ADDRESS",
        )
    tree = heap.tree
    garbage = garbage_rows(heap, depth) if top is None else []
    limit = max(1, limit - len(garbage)) if limit else 0
    waiting: list[tuple[int, tuple[int, ...], TreeRow]] = []

    def add_children(nodes: int | U32Array, place: tuple[int, ...]) -> None:
        for number, row in enumerate(tree.rows(nodes, merge=merge, limit=limit + 1 if limit else None)):
            heapq.heappush(waiting, (-row.retained_bytes, (*place, number), row))

    add_children(tree.root if top is None else top, ())
    taken: list[tuple[tuple[int, ...], TreeRow]] = []
    while waiting and (not limit or len(taken) < limit):
        _, place, row = heapq.heappop(waiting)
        taken.append((place, row))
        if len(place) < depth:
            add_children(row.nodes, place)
    taken.sort(key=lambda item: item[0])
    rows = [tree_row(heap, row, len(place)) for place, row in taken]
    return Found(rows + garbage, left_out=bool(waiting))


def tree_row(heap: HeapQueries, row: TreeRow, depth: int) -> dict[str, Any]:
    """Make one row of the tree."""
    node = int(row.nodes[0])
    is_object = row.count == 1 and node < heap.snapshot.object_count
    return _row(
        depth,
        _label(row),
        row.type_name,
        count=row.count,
        shallow=row.shallow_bytes,
        retained=row.retained_bytes,
        heap=heap.snapshot.heap_bytes,
        address=address_text(heap.address_of(node)) if is_object else None,
        root_kind=row.root.kind if row.root is not None else None,
    )


def _label(row: TreeRow) -> str:
    if row.count > 1:
        return f"{format_count(row.count)} × {show_type(row.type_name)}"
    if row.root is None or (not row.root.label and row.type_name):
        return show_type(row.type_name)
    return root_text(row.root)


def owner_rows(heap: HeapQueries, owners: Iterable[OwnerRow]) -> Found:
    """Make the rows of modules or threads."""
    return Found([tree_row(heap, heap.tree.row(owner.node), 1) for owner in owners])


def task_rows(heap: HeapQueries) -> Found:
    """Make the rows of tasks of asyncio, named by the function that each runs."""
    rows = []
    for owner in heap.tree.tasks():
        row = tree_row(heap, heap.tree.row(owner.node), 1)
        rows.append({**row, "label": clean_text(f"task {owner.label}", MAX_NAME) if owner.label else row["label"]})
    return Found(rows)


def garbage_rows(heap: HeapQueries, depth: int) -> list[dict[str, Any]]:
    """Give the bucket of what no root reaches, and its largest types; none where there is no garbage."""
    garbage = heap.garbage
    if not garbage.count:
        return []
    total = heap.snapshot.heap_bytes
    size = garbage.shallow_bytes
    rows = [
        _row(1, GARBAGE_LABEL, "", count=garbage.count, shallow=size, retained=size, heap=total, root_kind=GARBAGE_KIND)
    ]
    for each in garbage.types[:GARBAGE_TYPES] if depth > 1 else ():
        name = f"{format_count(each.count)} × {show_type(each.type_name)}"
        rows.append(
            _row(2, name, each.type_name, count=each.count, shallow=each.shallow_bytes, retained=None, heap=total)
        )
    return rows


def _row(
    depth: int,
    label: str,
    type_name: str,
    *,
    count: int,
    shallow: int,
    retained: int | None,
    heap: int,
    address: str | None = None,
    root_kind: str | None = None,
) -> dict[str, Any]:
    share_of = shallow if retained is None else retained
    return {
        "depth": depth,
        "label": clean_text(label, MAX_NAME),
        "type": clean_text(type_name, MAX_NAME),
        "count": count,
        "shallow_bytes": shallow,
        "retained_bytes": retained,
        "share": round(share_of / heap, 6) if heap else 0.0,
        "address": address,
        "root_kind": root_kind,
    }
