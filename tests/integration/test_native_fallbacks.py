"""Where the compiled walker cannot be used or does not come to its end, the one in Python takes over, and the target stays unharmed."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heapscope.errors import BudgetExceeded, Cancelled, CaptureInconsistent
from heapscope.inject.native import default_image_path, encode_options
from heapscope.service import attempt, native
from heapscope.service.capture import CaptureOptions, CaptureProgress, capture
from heapscope.service.channel import Channel
from heapscope.snapshot.model import Snapshot
from tests.support.counting import count_of
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import MARKER_TYPE, Situation, Target, children_of, running

pytestmark = pytest.mark.integration

TIMEOUT_S = 120.0
LARGE = Situation("large heap", "native_large.py", ("texts", "400000"))
SMALL = Situation("event wait", "event_wait.py")
PYTHON_NAME, NATIVE_NAME = "python-clone", "native-clone"
INTERPRETER_SYMBOL = "PyInterpreterState_Main"


@pytest.fixture(scope="module")
def large(one_python: Python) -> Iterator[Target]:
    """A target whose records fill the pipe many times: its walker waits for the host."""
    with running(one_python, LARGE) as target:
        yield target


@pytest.fixture(scope="module")
def small(one_python: Python) -> Iterator[Target]:
    """A plain target."""
    with running(one_python, SMALL) as target:
        yield target


def capture_by(target: Target, collector: str = "auto", **options: Any) -> Snapshot:
    """Capture; the target is unharmed whatever comes of it."""
    progress, cancel = options.pop("progress", None), options.pop("cancel", None)
    chosen = CaptureOptions(collector=collector, **{"timeout_s": TIMEOUT_S, **options})
    with unharmed(target):
        return capture(target.pid, chosen, progress, cancel)


def assert_taken_over(target: Target, snapshot: Snapshot, reason: str) -> None:
    """The walker in Python made the snapshot, which says why."""
    assert snapshot.meta.collector == PYTHON_NAME
    assert any(NATIVE_NAME in warning and reason in warning for warning in snapshot.meta.warnings), snapshot.meta
    assert count_of(snapshot, MARKER_TYPE) == target.marker_count > 0


def without_library(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """The build left it out."""
    monkeypatch.setattr(native, "default_image_path", lambda: str(folder / "none.so"))
    return "No such file"


def for_another_processor(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """A library of another machine."""
    data = bytearray(Path(default_image_path()).read_bytes())
    data[18] = 243
    (folder / "other.so").write_bytes(data)
    monkeypatch.setattr(native, "default_image_path", lambda: str(folder / "other.so"))
    return "another processor"


def no_library_at_all(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """A file that is something else."""
    (folder / "text.so").write_text("not a library")
    monkeypatch.setattr(native, "default_image_path", lambda: str(folder / "text.so"))
    return "ELF"


def with_hidden_symbols(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """An interpreter that exports nothing."""
    monkeypatch.setattr(native, "find_symbols", lambda *words, **options: {})
    return "does not export its state"


def with_denied_memory(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """A clone that may not be written to, as under some security policies."""

    def refuse(*words: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(native, "load_image", refuse)
    return "Operation not permitted"


def with_unknown_version(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """A version that came after this walker: the walker itself refuses."""
    monkeypatch.setattr(native, "hex_version", lambda version: 0x031000F0)
    return "not known"


def with_another_layout(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """A core type that is not what it should be: the walker's checks find it."""
    spoil_symbol(monkeypatch, "PyDict_Type", lambda symbols: symbols["PyList_Type"])
    return "another layout"


def spoil_symbol(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[dict[str, int]], int]) -> None:
    """Give the walker a wrong address for a symbol."""
    wanted = list(native.open_image(default_image_path()).symbols)

    def encode(words: tuple[int, ...], symbols: list[int], *lists: list[int]) -> bytes:
        changed = list(symbols)
        changed[wanted.index(name)] = change(dict(zip(wanted, symbols, strict=True)))
        return encode_options(words, changed, *lists)

    monkeypatch.setattr(native, "encode_options", encode)


def with_a_crash(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """The walker calls what is no function: the kernel ends the clone, and no core file or message is left."""
    spoil_symbol(monkeypatch, INTERPRETER_SYMBOL, lambda symbols: 16)
    return "stream"


OBSTACLES = [
    without_library,
    for_another_processor,
    no_library_at_all,
    with_hidden_symbols,
    with_denied_memory,
    with_unknown_version,
    with_another_layout,
    with_a_crash,
]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_another_walker_takes_over(
    obstacle: Callable[[pytest.MonkeyPatch, Path], str],
    small: Target,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The snapshot names its collector, and warns with the reason."""
    reason = obstacle(monkeypatch, tmp_path)
    assert_taken_over(small, capture_by(small), reason)


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_asked_for_by_name_it_fails_with_the_reason(
    obstacle: Callable[[pytest.MonkeyPatch, Path], str],
    small: Target,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """No other walker is used then."""
    reason = obstacle(monkeypatch, tmp_path)
    with pytest.raises(CaptureInconsistent, match=reason):
        capture_by(small, "native")


def test_a_crash_under_every_interpreter_harms_nobody(any_python: Python, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash handler that the target has installed must not speak either: the clone is nobody's child to watch."""
    if any_python.free_threaded:
        pytest.skip("has no native rung")
    spoil_symbol(monkeypatch, INTERPRETER_SYMBOL, lambda symbols: 16)
    with running(any_python, Situation("fault handler", "native_large.py", ("faulthandler", "1000"))) as target:
        assert_taken_over(target, capture_by(target), "stream")


class InTheMiddle:
    """Does something to the clone of one attempt, once its first records have come."""

    def __init__(self, target: Target, action: Callable[[int], None]) -> None:
        self.target = target
        self.action = action
        self.done = 0

    def __call__(self, report: CaptureProgress) -> None:
        """Act on the first report of a walk."""
        if report.phase == "walk" and not self.done:
            (clone,) = children_of(self.target.pid)
            self.done = clone
            self.action(clone)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGALRM, signal.SIGTERM])
def test_a_clone_ended_in_the_middle_is_followed_by_another(large: Target, number: signal.Signals) -> None:
    """By the kernel or by somebody: the other walker has a clone of its own."""
    middle = InTheMiddle(large, lambda clone: os.kill(clone, number))
    assert_taken_over(large, capture_by(large, progress=middle), "stream")
    assert middle.done


def pass_time(monkeypatch: pytest.MonkeyPatch, middle: InTheMiddle, speed: int) -> None:
    """Let time pass so much faster for whoever waits for the first clone, once that is stopped; the next one has its time."""
    clones = itertools.count()

    def make_channel(*words: Any, **options: Any) -> Channel:
        start, first = time.monotonic(), next(clones) == 0

        def clock() -> float:
            nonlocal start
            if not (first and middle.done):
                start = time.monotonic()
            return start + (time.monotonic() - start) * speed

        return Channel(*words, clock=clock, **options)

    monkeypatch.setattr(attempt, "Channel", make_channel)


def test_a_clone_that_hangs_is_followed_by_another(large: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, it says nothing; it is ended all the same."""
    middle = InTheMiddle(large, lambda clone: os.kill(clone, signal.SIGSTOP))
    pass_time(monkeypatch, middle, speed=10)
    snapshot = capture_by(large, progress=middle, timeout_s=3600.0)
    assert_taken_over(large, snapshot, "sent nothing")
    assert not Path(f"/proc/{middle.done}").exists()


def test_a_deadline_in_the_middle_ends_the_clone(large: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is up for the whole capture: no other walker is tried."""
    middle = InTheMiddle(large, lambda clone: os.kill(clone, signal.SIGSTOP))
    pass_time(monkeypatch, middle, speed=100)
    with pytest.raises(BudgetExceeded, match="in time"):
        capture_by(large, progress=middle, silence_s=3600.0)
    assert middle.done
    assert not Path(f"/proc/{middle.done}").exists()


def test_the_walkers_own_deadline_ends_it(large: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the host had been held up: the clone counts for itself."""

    def encode(words: tuple[int, ...], *lists: list[int]) -> bytes:
        return encode_options((words[0], 1, *words[2:]), *lists)

    monkeypatch.setattr(native, "encode_options", encode)
    with pytest.raises(CaptureInconsistent, match="gave up: deadline"):
        capture_by(large, "native")


def test_a_cancel_in_the_middle_ends_the_clone(large: Target) -> None:
    """No other walker is tried."""
    cancel = threading.Event()
    middle = InTheMiddle(large, lambda clone: cancel.set())
    with pytest.raises(Cancelled):
        capture_by(large, progress=middle, cancel=cancel)
    assert not Path(f"/proc/{middle.done}").exists()
