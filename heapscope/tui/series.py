"""Owns the snapshots of one session: whole ones within a budget of memory, and what is remembered of the rest.

Never analyses or reads files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from heapscope.tui.state import Analysis, HeapView, Taken

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot

MAX_WHOLE = 10
MAX_WHOLE_BYTES = (
    1 << 30
)  # of those that are neither on the screen nor the baseline: a snapshot of 10 M objects has 1.3 GB
MAX_TAKEN = 100  # a histogram of 3,000 types has 1 MB


class Series:
    """All snapshots of this run of the UI, oldest first."""

    def __init__(self, paths: Sequence[tuple[Snapshot, str]] = ()) -> None:
        self._paths = {id(snapshot.meta): path for snapshot, path in paths}  # of the first ones, that were in files
        self._whole: tuple[Analysis, ...] = ()
        self._taken: tuple[Taken, ...] = ()

    def add_to(self, view: HeapView) -> HeapView:
        """Take the current snapshot of a view, or more about it; return the view with the series."""
        current = view.current
        if not self._whole:
            earlier = view.series or ((view.baseline,) if view.baseline is not None else ())
            for analysis in earlier:
                self._put(analysis, 0, self._paths.get(id(analysis.snapshot.meta), ""))
        self._put(current, view.number, view.path)
        self._whole = _within_budget(self._whole, keep={id(current.snapshot), id(_snapshot_of(view.baseline))})
        return replace(view, series=self._whole, taken=self._taken)

    def _put(self, analysis: Analysis, number: int, path: str) -> None:
        snapshot = analysis.snapshot
        taken = Taken(number, path, snapshot.meta, snapshot.object_count, snapshot.heap_bytes, analysis.histogram)
        if any(one.snapshot is snapshot for one in self._whole):
            self._whole = tuple(analysis if one.snapshot is snapshot else one for one in self._whole)
            self._taken = tuple(taken if one.meta is snapshot.meta else one for one in self._taken)
            return
        self._whole = (*self._whole, analysis)
        first, *others = (*self._taken, taken)
        self._taken = (first, *others[-(MAX_TAKEN - 1) :])


def column_bytes(snapshot: Snapshot) -> int:
    """Count the bytes of a snapshot's columns."""
    from heapscope.snapshot.model import COLUMN_TYPES  # noqa: PLC0415 - numpy, 100 ms

    return sum(getattr(snapshot, name).nbytes for name in COLUMN_TYPES)


def _snapshot_of(analysis: Analysis | None) -> Snapshot | None:
    return analysis.snapshot if analysis is not None else None


def _within_budget(whole: tuple[Analysis, ...], keep: set[int]) -> tuple[Analysis, ...]:
    """Give up the oldest but the first, until what is neither on the screen nor the baseline fits; the first goes last."""
    kept = list(whole)
    others = [one for one in kept if id(one.snapshot) not in keep]
    while others and (len(kept) > MAX_WHOLE or _bytes_of(others) > MAX_WHOLE_BYTES):
        at = 1 if len(others) > 1 and others[0] is kept[0] else 0
        kept.remove(others.pop(at))
    return tuple(kept)


def _bytes_of(analyses: Iterable[Analysis]) -> int:
    return sum(column_bytes(one.snapshot) for one in analyses)
