"""Owns the UI's door to the rest of heapscope: everything slow, everything that reads a process or writes a snapshot.

Every method may block and is called from worker threads only; nothing here knows a widget.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from heapscope.tui.holders import Descent, HolderIndex, Level, PathAnswer, PathQuestion, Rest
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.state import Analysis, Taken

if TYPE_CHECKING:
    from heapscope.analysis.diff import HistogramDelta
    from heapscope.analysis.holder_growth import HolderGrowth
    from heapscope.analysis.holder_tree import HolderTree
    from heapscope.analysis.memory import MemorySplit
    from heapscope.analysis.suspects.model import Report
    from heapscope.analysis.waste.model import WasteReport
    from heapscope.graph.library import Oversight
    from heapscope.service.capture import CaptureOptions, CaptureProgress
    from heapscope.service.report import Summary
    from heapscope.snapshot.model import Snapshot, U32Array
    from heapscope.target.info import TargetInfo


@dataclass(frozen=True, slots=True)
class TargetSample:
    """The target a moment ago. ``rss_bytes`` is None when it cannot be read."""

    is_alive: bool
    rss_bytes: int | None = None


class Engine(Protocol):
    """What the UI needs of the rest; tests put a fake in its place."""

    def list_targets(self) -> Sequence[TargetInfo]:
        """Find the Python processes."""

    def capture(
        self, pid: int, options: CaptureOptions, progress: Callable[[CaptureProgress], None], cancel: threading.Event
    ) -> Snapshot:
        """Capture a target; raises HeapscopeError."""

    def find_target(self, pid: int) -> TargetInfo:
        """Look at one process; raises HeapscopeError."""

    def look_at_memory(self, pid: int) -> MemorySplit:
        """Split the memory of a running process as far as that is quick; raises HeapscopeError and OSError."""

    def analyse(self, snapshot: Snapshot) -> Analysis:
        """Compute what is quick: counts, shallow sizes, the memory split."""

    def advise(self, analysis: Analysis) -> Analysis:
        """Add the advice on slots, for which sources of the target are read."""

    def complete(self, analysis: Analysis, is_cancelled: Callable[[], bool]) -> Analysis:
        """Add the recursive sizes, which need a walk of the references; raises Cancelled."""

    def compare(self, base: Analysis, new: Analysis) -> Mapping[str, HistogramDelta]:
        """Compute the changes per type name."""

    def find_holders(self, snapshot: Snapshot, oversight: Oversight) -> HolderIndex:
        """Find roots, dominators and retained sizes of all objects; raises Cancelled."""

    def add_retained(
        self, analysis: Analysis, holders: HolderIndex, oversight: Oversight, *, everything: bool
    ) -> Analysis:
        """Add retained sizes of types, exact for the largest, or for ``everything``; raises Cancelled."""

    def open_row(self, holders: HolderIndex, nodes: U32Array | Rest, *, merge: bool) -> Level:
        """Give the children of a row of the dominator tree, or more rows of a level."""

    def descend(self, holders: HolderIndex, node: int | None, *, merge: bool) -> Descent:
        """Open the dominator tree down to a node, or down to the largest holders."""

    def search_paths(self, holders: HolderIndex, question: PathQuestion, oversight: Oversight) -> PathAnswer:
        """Find ways from the roots; raises Cancelled."""

    def list_instances(self, holders: HolderIndex, question: PathQuestion, oversight: Oversight) -> ObjectList:
        """List the objects that a question is about; raises Cancelled."""

    def inspect(
        self, holders: HolderIndex, question: PathQuestion, oversight: Oversight, show: Callable[[ObjectFacts], None]
    ) -> ObjectFacts:
        """Tell all about one object; what is known already goes to ``show``. Raises Cancelled."""

    def find_waste(self, holders: HolderIndex, oversight: Oversight) -> WasteReport:
        """Find remedies other than slots; raises Cancelled."""

    def sum_up(self, snapshot: Snapshot, holders: HolderIndex | None, oversight: Oversight) -> HolderTree:
        """Sum a snapshot up by holders, for growth; raises Cancelled."""

    def measure_growth(self, trees: Sequence[HolderTree]) -> Sequence[HolderGrowth]:
        """Compare two or more snapshots, oldest first."""

    def report(
        self, earlier: Sequence[Snapshot | Summary], holders: HolderIndex, source: str, oversight: Oversight
    ) -> tuple[Report, Summary]:
        """Judge who may be holding too much, and sum the snapshot up for later reports; raises Cancelled."""

    def load(self, path: str) -> Snapshot:
        """Read a snapshot file; raises SnapshotFileError."""

    def list_snapshots(self, folder: str) -> tuple[Taken, ...]:
        """Find the snapshot files of a folder, the newest first; those that cannot be read are left out."""

    def sample(self, pid: int, start_time: float) -> TargetSample:
        """Look at the target: alive (the same process, not a later one with its number), and how large."""

    def save(self, snapshot: Snapshot, path: str) -> None:
        """Write a snapshot file; raises SnapshotFileError, also when the file exists."""


class LiveEngine:
    """The real one."""

    def list_targets(self) -> Sequence[TargetInfo]:
        """Find the Python processes."""
        from heapscope.target.discovery import list_targets  # noqa: PLC0415 - psutil, 15 ms

        return list_targets()

    def capture(
        self, pid: int, options: CaptureOptions, progress: Callable[[CaptureProgress], None], cancel: threading.Event
    ) -> Snapshot:
        """Capture a target."""
        from heapscope.service.capture import capture  # noqa: PLC0415 - only a capture needs it

        return capture(pid, options, progress, cancel)

    def find_target(self, pid: int) -> TargetInfo:
        """Look at one process."""
        from heapscope.target.discovery import describe_target  # noqa: PLC0415 - psutil, 15 ms

        return describe_target(pid)

    def look_at_memory(self, pid: int) -> MemorySplit:
        """Split the memory of a running process."""
        from heapscope.analysis.memory import split_memory  # noqa: PLC0415 - numpy, 100 ms
        from heapscope.service.memory import quick_memory  # noqa: PLC0415 - as above

        return split_memory(quick_memory(self.find_target(pid)), None)

    def analyse(self, snapshot: Snapshot) -> Analysis:
        """Compute what is quick."""
        from heapscope.analysis.histogram import build_histogram  # noqa: PLC0415 - numpy, 100 ms
        from heapscope.analysis.memory import split_memory  # noqa: PLC0415 - as above

        histogram = build_histogram(snapshot, recursive=False)
        split = split_memory(snapshot.memory, snapshot) if snapshot.memory is not None else None
        return Analysis(snapshot, histogram, (), has_recursive=False, has_slots=False, memory=split)

    def advise(self, analysis: Analysis) -> Analysis:
        """Add the advice on slots."""
        from heapscope.service.slots import advise  # noqa: PLC0415 - numpy, 100 ms

        return dataclasses.replace(analysis, slots=advise(analysis.snapshot), has_slots=True)

    def complete(self, analysis: Analysis, is_cancelled: Callable[[], bool]) -> Analysis:
        """Add the recursive sizes."""
        from heapscope.analysis.histogram import build_histogram  # noqa: PLC0415 - numpy, 100 ms

        histogram = build_histogram(analysis.snapshot, recursive=True, is_cancelled=is_cancelled)
        return dataclasses.replace(analysis, histogram=histogram, has_recursive=True)

    def compare(self, base: Analysis, new: Analysis) -> Mapping[str, HistogramDelta]:
        """Compute the changes per type name."""
        from heapscope.analysis.diff import diff_histograms  # noqa: PLC0415 - numpy, 100 ms

        return {row.type_name: row for row in diff_histograms(base.histogram, new.histogram)}

    def find_holders(self, snapshot: Snapshot, oversight: Oversight) -> HolderIndex:
        """Find roots, dominators and retained sizes of all objects."""
        from heapscope.analysis.dominators import build_dominator_tree  # noqa: PLC0415 - numpy, 100 ms

        tree = build_dominator_tree(snapshot, oversight=oversight)
        # Made at first use: that must not be in the thread of the screens.
        _ = tree.children
        return HolderIndex(tree)

    def add_retained(
        self, analysis: Analysis, holders: HolderIndex, oversight: Oversight, *, everything: bool
    ) -> Analysis:
        """Add retained sizes of types."""
        from heapscope.analysis.histogram import add_retained  # noqa: PLC0415 - numpy, 100 ms
        from heapscope.analysis.retained import EXACT_TYPES, retained_by_type  # noqa: PLC0415 - numpy, 100 ms

        # Single instances have no need of a walk: the tree has what they retain.
        several = [row.type_name for row in analysis.histogram.rows if row.count > 1]
        retained = retained_by_type(holders.tree, exact=several if everything else EXACT_TYPES, oversight=oversight)
        return dataclasses.replace(analysis, histogram=add_retained(analysis.histogram, retained))

    def open_row(self, holders: HolderIndex, nodes: U32Array | Rest, *, merge: bool) -> Level:
        """Give the children of a row, or more rows of a level."""
        from heapscope.tui import levels  # noqa: PLC0415 - numpy, 100 ms

        if isinstance(nodes, Rest):
            return levels.open_rest(holders.tree, nodes)
        return levels.open_row(holders.tree, nodes, merge=merge)

    def descend(self, holders: HolderIndex, node: int | None, *, merge: bool) -> Descent:
        """Open the dominator tree."""
        from heapscope.tui import levels  # noqa: PLC0415 - numpy, 100 ms

        if node is None:
            return levels.descend_to_largest(holders.tree, merge=merge)
        return levels.descend_to(holders.tree, node, merge=merge)

    def search_paths(self, holders: HolderIndex, question: PathQuestion, oversight: Oversight) -> PathAnswer:
        """Find ways from the roots."""
        from heapscope.tui.searching import search_paths  # noqa: PLC0415 - numpy, 100 ms

        return search_paths(holders, question, oversight)

    def list_instances(self, holders: HolderIndex, question: PathQuestion, oversight: Oversight) -> ObjectList:
        """List the objects that a question is about."""
        from heapscope.tui.inspecting import list_instances  # noqa: PLC0415 - numpy, 100 ms

        return list_instances(holders, question, oversight)

    def inspect(
        self, holders: HolderIndex, question: PathQuestion, oversight: Oversight, show: Callable[[ObjectFacts], None]
    ) -> ObjectFacts:
        """Tell all about one object."""
        from heapscope.tui.inspecting import inspect  # noqa: PLC0415 - numpy, 100 ms

        return inspect(holders, question, oversight, show)

    def find_waste(self, holders: HolderIndex, oversight: Oversight) -> WasteReport:
        """Find remedies other than slots."""
        from heapscope.analysis.waste.find import find_waste  # noqa: PLC0415 - numpy, 100 ms

        return find_waste(holders.tree.snapshot, holders.paths, oversight=oversight)

    def sum_up(self, snapshot: Snapshot, holders: HolderIndex | None, oversight: Oversight) -> HolderTree:
        """Sum a snapshot up by holders."""
        from heapscope.analysis.holder_tree import find_holder_tree  # noqa: PLC0415 - numpy, 100 ms

        return find_holder_tree(snapshot, holders.tree if holders is not None else None, oversight)

    def measure_growth(self, trees: Sequence[HolderTree]) -> Sequence[HolderGrowth]:
        """Compare snapshots."""
        from heapscope.analysis.holder_growth import measure_holder_growth  # noqa: PLC0415 - numpy, 100 ms

        return measure_holder_growth(trees)

    def report(
        self, earlier: Sequence[Snapshot | Summary], holders: HolderIndex, source: str, oversight: Oversight
    ) -> tuple[Report, Summary]:
        """Judge who may be holding too much."""
        from heapscope.tui.searching import report  # noqa: PLC0415 - numpy, 100 ms

        return report(earlier, holders, source, oversight)

    def load(self, path: str) -> Snapshot:
        """Read a snapshot file."""
        from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - numpy, 100 ms

        return load_snapshot(path)

    def list_snapshots(self, folder: str) -> tuple[Taken, ...]:
        """Find the snapshot files of a folder."""
        from heapscope.tui.stored import list_snapshots  # noqa: PLC0415 - numpy, 100 ms

        return list_snapshots(folder)

    def sample(self, pid: int, start_time: float) -> TargetSample:
        """Look at the target through psutil."""
        import psutil  # noqa: PLC0415 - 15 ms

        try:
            process = psutil.Process(pid)
            # Start times differ by a clock tick at most when they come from the same process.
            if abs(process.create_time() - start_time) > 1.0 or process.status() == psutil.STATUS_ZOMBIE:
                return TargetSample(is_alive=False)
            return TargetSample(is_alive=True, rss_bytes=process.memory_info().rss)
        except psutil.NoSuchProcess:
            return TargetSample(is_alive=False)
        except psutil.AccessDenied:
            return TargetSample(is_alive=True)

    def save(self, snapshot: Snapshot, path: str) -> None:
        """Write a snapshot file."""
        from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415 - numpy, 100 ms

        save_snapshot(snapshot, path)
