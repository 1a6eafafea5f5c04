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

import os
import threading
from typing import TYPE_CHECKING

from heapscope.errors import SnapshotFileError
from heapscope.service.own_process import recursive_size, shallow_size
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.capture import CaptureOptions
    from heapscope.service.heap import Heap

__all__ = ["capture", "open", "recursive_size", "shallow_size"]


def open(path: str | os.PathLike[str]) -> Heap:  # noqa: A001 - read as heapscope.open
    """Load a snapshot file whole: O(its size), about a second per ten million objects.

    Raises:
        SnapshotFileError: it is missing, unreadable, damaged, or of a later version.
    """
    from heapscope.service.heap import Heap  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - as above

    if not os.path.exists(path):
        raise SnapshotFileError(
            f"there is no file {clean_text(os.fspath(path))}", hint="heapscope snapshot PID -o FILE"
        )
    return Heap(load_snapshot(path))


def capture(
    pid: int, options: CaptureOptions | None = None, *, timeout_s: float = 60.0, cancel: threading.Event | None = None
) -> Heap:
    """Capture another process; it is paused for milliseconds, and nothing is left in it. Blocks; any thread may call it.

    ``options`` (service/capture.py) say how; without them all is chosen, and given up after ``timeout_s`` seconds. A set
    ``cancel`` ends the capture in an orderly way.

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
    return Heap(capture_process(pid, chosen, cancel=cancel))
