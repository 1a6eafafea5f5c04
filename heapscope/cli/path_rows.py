"""The rows of ``heapscope paths``: ways from the roots, of one object or merged for a type.

Never searches: analysis/paths.py does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from heapscope.analysis.paths import Exclusions, MergedPath, RootPath
from heapscope.analysis.roots import RootInfo
from heapscope.cli.analysing import address_text, is_address, object_row, parse_address, root_row, root_text, show_type
from heapscope.errors import UsageError
from heapscope.service.queries import HeapQueries
from heapscope.units import clean_text


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """Rows, their keys a contract (docs/cli.md), and of ``count`` objects of a type those that no row speaks of.

    ``unreached`` of them have no way; ``garbage`` of these would have none without exclusions either.
    """

    rows: list[dict[str, Any]]
    count: int
    unreached: int
    garbage: int
    other_count: int
    type_name: str


def rows_of_type(heap: HeapQueries, name: str, limit: int, exclude: Sequence[str]) -> Found:
    """Merge the shortest ways to all instances of a type: most instances first. Raises UsageError for unknown names."""
    full_name = heap.find_type(name)
    without = exclusions_of(heap, exclude)
    merged = heap.paths_without(without).merged_of_type(full_name, limit=limit, oversight=heap.oversight)
    rows = [_merged_row(heap, path) for path in merged.paths]
    garbage = int(np.count_nonzero(heap.roots.reached[heap.type_names.instances(full_name)] == 0))
    return Found(rows, merged.count, merged.unreached, garbage, merged.other_count, full_name)


def rows_of_object(heap: HeapQueries, address: int, count: int, exclude: Sequence[str]) -> Found:
    """Find the shortest ways to one object, shortest first. Raises UsageError for an address without an object."""
    wanted = heap.index_of(address)
    without = exclusions_of(heap, exclude)
    found = heap.paths_without(without).alternatives(wanted, heap.referrers, count, heap.oversight)
    rows = [_row(heap, path) for path in found]
    return Found(rows, 1, int(not found), int(not heap.is_reached(wanted)), 0, heap.type_name_of(wanted))


def exclusions_of(heap: HeapQueries, words: Sequence[str]) -> Exclusions:
    """Read what no way may enter: addresses, types with all their instances, and references as HOLDER:HELD.

    Raises:
        UsageError: there is no such object, type or reference.
    """
    objects: list[int] = []
    references: list[tuple[int, int]] = []
    for word in words:
        holder, colon, held = word.partition(":")
        if colon and is_address(holder):
            references.append(_reference_of(heap, holder, held))
        elif is_address(word):
            objects.append(heap.index_of(parse_address(word)))
        else:
            objects.extend(heap.type_names.instances(heap.find_type(word)).tolist())
    return Exclusions(tuple(np.unique(objects).tolist()) if objects else (), tuple(references))


def _reference_of(heap: HeapQueries, holder_word: str, held_word: str) -> tuple[int, int]:
    holder, held = (heap.index_of(parse_address(word)) for word in (holder_word, held_word))
    if held not in heap.referents.of(holder):
        raise UsageError(
            f"{address_text(heap.address_of(holder))} does not refer to {address_text(heap.address_of(held))}"
        )
    return holder, held


def _row(heap: HeapQueries, path: RootPath) -> dict[str, Any]:
    types = [heap.type_name_of(one) for one in path.objects]
    names = heap.edge_names.along(path.objects)
    steps = [_step(heap, one, name, is_shared=True) for one, name in zip(path.objects, names, strict=True)]
    return _any_row(1.0, 1, path.root, types, steps, is_exact=True, common=len(steps))


def _merged_row(heap: HeapQueries, path: MergedPath) -> dict[str, Any]:
    types = [step.type_name for step in path.steps]
    shared = [step.is_shared for step in path.steps]
    names = heap.edge_names.along([step.object_index for step in path.steps], shared)
    steps = [
        _step(heap, step.object_index, name, is_shared=step.is_shared)
        for step, name in zip(path.steps, names, strict=True)
    ]
    share = round(path.share, 6)
    return _any_row(share, path.count, path.root, types, steps, is_exact=path.is_exact, common=path.common)


def _any_row(
    share: float,
    count: int,
    root: RootInfo,
    types: Sequence[str],
    steps: list[dict[str, Any]],
    *,
    is_exact: bool,
    common: int,
) -> dict[str, Any]:
    return {
        "share": share,
        "count": count,
        "path": way_text(
            root,
            types if is_exact else types[:common],
            [step["name"] or "" for step in steps],
            ends=is_exact,
        ),
        "is_exact": is_exact,
        "common": common,
        "root": root_row(root),
        "steps": steps,
    }


def _step(heap: HeapQueries, object_index: int, name: str, *, is_shared: bool) -> dict[str, Any]:
    shallow = int(heap.snapshot.shallow[object_index])
    known = clean_text(name) or None
    return {**object_row(heap, object_index), "name": known, "shallow_bytes": shallow, "is_shared": is_shared}


def way_text(root: RootInfo, types: Sequence[str], names: Sequence[str], *, ends: bool = True) -> str:
    """Write a way on one line: ``module app > .CACHE dict > [] Item``; with ``...`` at its end where ways differ from there on.

    ``names`` are those of the references that lead to each step, "" where not known.
    """
    # A root with a label stands for its own first step.
    first = 1 if root.label else 0
    steps = [f"{name} {show_type(kind)}".strip() for kind, name in zip(types[first:], names[first:], strict=False)]
    shown = [root_text(root), *steps]
    return " > ".join([*map(clean_text, shown), *([] if ends else ["..."])])
