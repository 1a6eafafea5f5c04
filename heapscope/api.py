"""The Python API: what ``import heapscope`` offers. Everything is loaded when it is first used.

Never prints, and never changes the process that is looked at. All errors are HeapscopeError (heapscope/errors.py).

    import heapscope

    heap = heapscope.open("api.heapscope")          # or heapscope.capture(1234)
    for row in heap.types(retained=True)[:10]:
        print(row.type_name, row.count, row.retained_bytes)
    print(heap.object(0x7F21B0C3D010).root_path())

    heapscope.recursive_size(my_cache)              # of this very process
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from heapscope.errors import SnapshotFileError
from heapscope.oversight import UNWATCHED, Oversight
from heapscope.service.own_process import recursive_size, shallow_size
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.capture import CaptureOptions, CaptureProgress
    from heapscope.service.heap import Heap

__all__ = ["capture", "open", "recursive_size", "shallow_size"]


def open(  # noqa: A001 - read as heapscope.open
    path: str | os.PathLike[str],
    *,
    progress: Callable[[float], None] | None = None,
    cancel: threading.Event | None = None,
) -> Heap:
    """Load a snapshot file whole: O(its size), a second or two per ten million objects, 60 bytes per object and 4 per reference.

    ``progress`` is told the share done, 0...1, of the loading and of every long computation on the heap, one after the other. A
    set ``cancel`` ends whichever runs within 0.2 s, here and later.

    Raises:
        SnapshotFileError: it is missing, unreadable, damaged, or of a later version.
        Cancelled: ``cancel`` was set.
    """
    from heapscope.service.heap import Heap  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - as above

    if not os.path.exists(path):
        raise SnapshotFileError(
            f"there is no file {clean_text(os.fspath(path))}", hint="heapscope snapshot PID -o FILE"
        )
    watcher = _watcher(progress, cancel)
    return Heap(load_snapshot(path, watcher), watcher)


def _watcher(progress: Callable[[float], None] | None, cancel: threading.Event | None) -> Oversight:
    watcher = UNWATCHED if progress is None else Oversight(report=progress)
    return watcher if cancel is None else dataclasses.replace(watcher, is_cancelled=cancel.is_set)


def capture(
    pid: int,
    options: CaptureOptions | None = None,
    *,
    timeout_s: float = 60.0,
    progress: Callable[[CaptureProgress], None] | None = None,
    cancel: threading.Event | None = None,
) -> Heap:
    """Capture another process; it is paused for milliseconds, and nothing is left in it. Blocks; any thread may call it.

    ``options`` (service/capture.py) say how; without them all is chosen, and given up after ``timeout_s`` seconds.
    ``progress`` is told the phase, the number of objects so far, and the pause in ns once it is known. A set ``cancel`` ends
    the capture in an orderly way, and every later computation on the heap within 0.2 s.

    Raises:
        TargetGone, UnsupportedTarget, PermissionRefused, UsageError: the process cannot be captured; this one neither.
        BudgetExceeded: no memory head-room, or no time left.
        CaptureInconsistent: what arrived contradicts itself, also after another attempt.
        Cancelled: ``cancel`` was set.
    """
    from heapscope.service.capture import CaptureOptions  # noqa: PLC0415 - only where it is used
    from heapscope.service.capture import capture as capture_process  # noqa: PLC0415 - as above
    from heapscope.service.heap import Heap  # noqa: PLC0415 - numpy, 100 ms

    chosen = options if options is not None else CaptureOptions(timeout_s=timeout_s)
    return Heap(capture_process(pid, chosen, progress, cancel), _watcher(None, cancel))
