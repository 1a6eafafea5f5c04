"""The use case "who may be holding too much memory": a report on one heap, or on the last one of a series.

Never captures: snapshots are given, by files or by ``service/series.py``. Of all but the newest only summaries are kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.holder_growth import HolderGrowth, measure_holder_growth
from heapscope.analysis.holder_tree import HolderTree, find_holder_tree
from heapscope.analysis.memory import MemorySplit, split_memory
from heapscope.analysis.suspects.find import find_suspects
from heapscope.analysis.suspects.model import Report
from heapscope.analysis.suspects.past import Past, remember
from heapscope.analysis.suspects.scene import Scene
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.service.queries import HeapQueries
from heapscope.service.series import Series
from heapscope.snapshot.model import Snapshot


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What a report needs of an older snapshot: some megabytes, whatever its size."""

    past: Past
    holders: HolderTree


def summarise(snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> Summary:
    """Sum up a snapshot, so that it can be let go. O((n + m) log n) at worst. Raises Cancelled."""
    tree = build_dominator_tree(snapshot, oversight=oversight.part(0, 0.6))
    return Summary(remember(tree), find_holder_tree(snapshot, tree, oversight.part(0.6, 1)))


class ReportSeries(Series):
    """Snapshots of one process, oldest first: of the newest one everything, of the others summaries.

    The newest is summed up when that is asked for, or another one comes: a report on one snapshot needs no summary.
    Not safe to share between threads.
    """

    def __init__(self) -> None:
        super().__init__(with_holders=False, with_types=False)
        self._summaries: list[Summary] = []
        self._heap: HeapQueries | None = None

    @property
    def newest(self) -> HeapQueries:
        """The newest heap."""
        if self._heap is None:
            raise ValueError("there is no snapshot yet")
        return self._heap

    @property
    def newest_summary(self) -> Summary:
        """What will be left of the newest heap. O(n + m) the first time."""
        self._sum_up(UNWATCHED)
        return self._summaries[-1]

    def add(self, snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> None:
        """Take one more snapshot, newer than those before. O((n + m) log n) at worst. Raises Cancelled."""
        self._sum_up(oversight.part(0, 0.3))
        self.add_heap(HeapQueries(snapshot, oversight.part(0.3, 1)))

    def add_heap(self, heap: HeapQueries, oversight: Oversight = UNWATCHED) -> None:
        """Take one more heap, about which something was asked already. Raises Cancelled; then the one before is still the newest."""
        self._sum_up(oversight)
        _ = heap.tree
        self._heap = heap
        self.metas.append(heap.snapshot.meta)

    def _sum_up(self, oversight: Oversight) -> None:
        """Sum the newest heap up, once."""
        if self._heap is not None and len(self._summaries) < self.size:
            tree = self._heap.tree
            self._summaries.append(Summary(remember(tree), find_holder_tree(self._heap.snapshot, tree, oversight)))

    def add_summary(self, summary: Summary) -> None:
        """Take what is left of an older snapshot."""
        self._sum_up(UNWATCHED)
        self._summaries.append(summary)
        self.metas.append(summary.past.meta)
        self._heap = None

    def report(self, source: str = "", oversight: Oversight = UNWATCHED) -> Report:
        """Report on the newest heap. ``source`` is the word by which commands find it again: by default its pid. Raises Cancelled."""
        heap = self.newest
        scene = Scene(heap.tree, lambda: heap.paths, source or word_for(heap.snapshot), oversight.part(0.5, 1))
        growth: tuple[HolderGrowth, ...] = ()
        if self.size > 1:
            self._sum_up(oversight.part(0, 0.3))
            growth = measure_holder_growth([one.holders for one in self._summaries], oversight.part(0.3, 0.5))
        older = [one.past for one in self._summaries[: self.size - 1]]
        return find_suspects(scene, older, growth, memory_of(heap.snapshot))


def report_on(
    snapshots: Sequence[Snapshot | Summary],
    *,
    source: str = "",
    heap: HeapQueries | None = None,
    oversight: Oversight = UNWATCHED,
) -> Report:
    """Report on the last snapshot, which is the newest; those before it, oldest first, tell what grew.

    ``heap``, if there is one already, answers about the newest. ``source`` as in ``ReportSeries.report``.
    O((n + m) log n) at worst for each that is no summary. Raises Cancelled.
    """
    series, share = ReportSeries(), 0.8 / len(snapshots)
    for number, one in enumerate(snapshots[:-1]):
        part = oversight.part(number * share, (number + 1) * share)
        series.add_summary(one if isinstance(one, Summary) else summarise(one, part))
    newest = snapshots[-1]
    if isinstance(newest, Summary):
        raise TypeError("the newest heap has to be there itself")
    rest = oversight.part(0.8 - share, 0.8)
    if heap is None:
        series.add(newest, rest)
    else:
        series.add_heap(heap, rest)
    return series.report(source, oversight.part(0.8, 1))


def memory_of(snapshot: Snapshot) -> MemorySplit | None:
    """Give the memory split of a snapshot; None where the capture did not read it. O(n)."""
    return None if snapshot.memory is None else split_memory(snapshot.memory, snapshot)


def word_for(snapshot: Snapshot) -> str:
    """Give the word by which commands find a heap again that came from a process."""
    return str(snapshot.meta.pid) if snapshot.meta.pid else "SOURCE"
