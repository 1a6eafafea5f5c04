"""Owns what the screens look at: one snapshot with its analysis, an optional baseline, and how numbers are written.

Immutable and pure: made in a worker thread, handed to the screens whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heapscope.units import format_bytes, format_count, format_delta, format_exact, noun_for

if TYPE_CHECKING:
    from heapscope.analysis.diff import HistogramDelta
    from heapscope.analysis.histogram import Histogram
    from heapscope.analysis.holder_growth import HolderGrowth
    from heapscope.analysis.memory import MemorySplit
    from heapscope.analysis.slots.model import SlotsRow
    from heapscope.analysis.suspects.model import Report
    from heapscope.analysis.waste.model import WasteReport
    from heapscope.snapshot.model import Snapshot, SnapshotMeta
    from heapscope.tui.holders import HolderIndex


@dataclass(frozen=True, slots=True)
class Analysis:
    """A snapshot and what is known about it.

    ``has_recursive`` is False until those sizes are computed, ``has_slots`` until the classes are judged.
    ``memory`` is None where the snapshot does not say where the memory was.
    """

    snapshot: Snapshot
    histogram: Histogram
    slots: tuple[SlotsRow, ...]
    has_recursive: bool
    has_slots: bool = True
    memory: MemorySplit | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What is remembered of a snapshot: of this session, also when it is no longer in memory itself, or of a file (``number`` 0).

    ``histogram`` is None of a file that was not opened.
    """

    number: int
    path: str
    meta: SnapshotMeta
    object_count: int
    heap_bytes: int
    histogram: Histogram | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """What grew from the baseline to the snapshot on the screen: holders as they rank, and by type name the shallow bytes in each.

    ``snapshot_count`` snapshots were compared; ``times`` are their moments in seconds since the epoch.
    """

    holders: tuple[HolderGrowth, ...]
    shallow: Mapping[str, tuple[int, ...]]
    times: tuple[float, ...]

    @property
    def snapshot_count(self) -> int:
        """How many were compared."""
        return len(self.times)


@dataclass(frozen=True, slots=True)
class HeapView:
    """What is on the screen: the current analysis, and changes against a baseline.

    ``holders`` is None until the dominators are found, ``waste`` until somebody has asked for it. Neither is part of the analysis: a baseline has no need of them.
    ``series`` are the snapshots of this session that are still in memory, oldest first, the current one last; the first is never
    given up. ``taken`` remembers all of them in the same order. ``memory`` (a MemorySplit), ``report`` (a Report) and ``growth`` are None until known; ``work`` says
    what the report waits for, ``problem`` why there is none. ``stored`` are the snapshot files of the folder in use.
    """

    current: Analysis
    number: int = 1
    path: str = ""
    baseline: Analysis | None = None
    deltas: Mapping[str, HistogramDelta] | None = None
    holders: HolderIndex | None = None
    waste: WasteReport | None = None
    series: tuple[Analysis, ...] = ()
    taken: tuple[Taken, ...] = ()
    memory: MemorySplit | None = None
    report: Report | None = None
    growth: Growth | None = None
    work: str = ""
    problem: str = ""
    stored: tuple[Taken, ...] = ()


@dataclass(frozen=True, slots=True)
class Writing:
    """How numbers are written: short (1.5M) or exact."""

    exact: bool = False

    def size(self, size: int | None) -> str:
        """Write bytes; ``…`` while they are not known."""
        if size is None:
            return "…"
        return format_exact(size) if self.exact else format_bytes(size)

    def retained(self, size: int | None, *, is_exact: bool = True) -> str:
        """Write a retained size: a dash while it is not known, ``≥`` before a lower bound."""
        return "-" if size is None else ("" if is_exact else "≥") + self.size(size)

    def count(self, count: int | None) -> str:
        """Write a count."""
        if count is None:
            return "…"
        return format_exact(count) if self.exact else format_count(count)

    def counted(self, count: int, noun: str) -> str:
        """Write how many there are of something, with the noun in the right number."""
        return f"{self.count(count)} {noun_for(count, noun)}"

    def size_delta(self, change: int) -> str:
        """Write a change in bytes with its sign; ``·`` for none."""
        if self.exact:
            return f"{change:+,}" if change else "·"
        return format_delta(change)

    def count_delta(self, change: int) -> str:
        """Write a change of a count with its sign; ``·`` for none."""
        if not change:
            return "·"
        return (
            f"{change:+,}"
            if self.exact or abs(change) < 1_000_000
            else f"{'+' if change > 0 else ''}{format_count(change)}"
        )


def trend_sign(change: int) -> str:
    """Write a direction that does not depend on colour."""
    return "▲" if change > 0 else "▼" if change < 0 else "·"
