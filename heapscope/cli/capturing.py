"""Running a capture from the command line: progress on stderr, and signals that cancel it in an orderly way.

Never lets Ctrl-C break a capture off in the middle of the target: the first one asks, only the second one breaks.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from heapscope.cli.options import CaptureChoice, OutputChoice
from heapscope.cli.talk import ProgressLine, Talk

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.capture import CaptureOptions, Report
    from heapscope.service.census import Census
    from heapscope.snapshot.model import Snapshot

Found = TypeVar("Found", "Snapshot", "Census")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def cancel_on_signals() -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; the second one raises KeyboardInterrupt."""
    cancel = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    if threading.current_thread() is not threading.main_thread():
        yield cancel
        return
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def capture_options_of(choice: CaptureChoice) -> CaptureOptions:
    """Collect the capture options."""
    from heapscope.service.capture import CaptureOptions  # noqa: PLC0415 - only commands that capture need it

    return CaptureOptions(
        via=choice.via,
        collector=choice.collector,
        timeout_s=choice.timeout,
        ignore_head_room=choice.ignore_head_room,
        memory_budget=choice.memory_budget,
    )


def open_with_progress(source: str, options: CaptureOptions, talk: Talk) -> Snapshot:
    """Return the snapshot of a pid or a file; warnings of a capture go to stderr."""
    from heapscope.service.sources import find_pid, open_source  # noqa: PLC0415 - as above

    if find_pid(source) is not None:
        _warn_of(options, talk)
    return _with_progress(talk, lambda report, cancel: open_source(source, options, report, cancel))


def open_checked(source: str, capture: CaptureChoice, out: OutputChoice, talk: Talk) -> Snapshot:
    """Open a source once it is sure that the result can be written."""
    out.check()
    return open_with_progress(source, capture_options_of(capture), talk)


def count_with_progress(pid: int, choice: CaptureChoice, talk: Talk) -> Census:
    """Return the census of a process; warnings go to stderr."""
    from heapscope.service.census import take_census  # noqa: PLC0415 - as above

    options = capture_options_of(choice)
    _warn_of(options, talk)
    return _with_progress(talk, lambda report, cancel: take_census(pid, options, report, cancel))


def _with_progress(talk: Talk, work: Callable[[Report, threading.Event], Found]) -> Found:
    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:
        found = work(progress.report, cancel)
    for warning in found.meta.warnings:
        talk.warn(warning)
    return found


def _warn_of(options: CaptureOptions, talk: Talk) -> None:
    if options.via == "pyrasite":
        talk.warn("pyrasite has no safe point: it may crash a busy target")


def save_with_progress(snapshot: Snapshot, path: str, talk: Talk, *, overwrite: bool) -> None:
    """Write a snapshot file; a signal cancels within 0.2 s, and leaves nothing."""
    from heapscope.oversight import Oversight  # noqa: PLC0415 - only commands that save need it
    from heapscope.service.capture import CaptureProgress  # noqa: PLC0415 - as above
    from heapscope.service.priority import run_nicely  # noqa: PLC0415 - as above
    from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415 - numpy, 100 ms

    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:

        def report(share: float) -> None:
            progress.report(CaptureProgress("save", message=f"{share:.0%} written"))

        oversight = Oversight(cancel.is_set, report)
        run_nicely(lambda: save_snapshot(snapshot, path, overwrite=overwrite, oversight=oversight), cancel.set)
