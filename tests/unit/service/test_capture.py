"""The use case "capture" against a fake world."""

from __future__ import annotations

import struct
import threading
from dataclasses import replace

import pytest

from heapscope.errors import (
    BudgetExceeded,
    Cancelled,
    CaptureInconsistent,
    SnapshotFileError,
    TargetGone,
    UsageError,
)
from heapscope.service.capture import CaptureOptions, CaptureProgress, capture, coverage_of
from heapscope.service.channel import CloneSilent
from heapscope.service.sources import find_pid, open_source, parse_pid
from heapscope.wire.frames import encode_frame
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.fakes import TARGET, FakeClone, FakeSurroundings, empty_stream
from tests.support.memory import FACTS, PYMALLOC


def test_a_capture_sends_the_payload_and_reports_its_phases_in_order() -> None:
    """The clone is told what to run; the snapshot carries the clone's figures; the clone is released."""
    clone = FakeClone(empty_stream())
    seen: list[CaptureProgress] = []
    orders = b""

    def progress(report: CaptureProgress) -> None:
        nonlocal orders
        seen.append(report)
        if report.phase == "walk" and not orders:
            orders = clone.orders()

    snapshot = capture(TARGET.pid, progress=progress, surroundings=FakeSurroundings([clone]))
    assert list(dict.fromkeys(report.phase for report in seen)) == [
        "find",
        "headroom",
        "inject",
        "clone",
        "walk",
        "build",
    ]
    assert orders.startswith(struct.pack("<Q", 7) + b"payload")
    assert snapshot.meta.pause_ns == clone.pause_ns
    assert (snapshot.meta.injector, snapshot.meta.collector) == ("ptrace", "native-clone")
    assert snapshot.meta.rss_before_bytes == TARGET.rss_bytes
    assert clone.released == 1


def test_a_stream_that_contradicts_itself_is_no_snapshot() -> None:
    """The end announces objects that never came."""
    clone = FakeClone(empty_stream(objects=3))
    with pytest.raises(CaptureInconsistent):
        capture(TARGET.pid, CaptureOptions(collector="native"), surroundings=FakeSurroundings([clone]))
    assert clone.released == 1


@pytest.mark.parametrize("cut", range(0, len(empty_stream()), 7))
def test_a_stream_that_stops_short_is_inconsistent(cut: int) -> None:
    """Wherever it is cut."""
    clone = FakeClone(empty_stream()[:cut])
    with pytest.raises(CaptureInconsistent, match="stream"):
        capture(TARGET.pid, CaptureOptions(collector="native"), surroundings=FakeSurroundings([clone]))
    assert clone.released == 1


def test_a_stream_that_breaks_off_with_the_target_names_the_target() -> None:
    """The cause is told, not its effect."""
    clone = FakeClone(empty_stream()[:20])
    with pytest.raises(TargetGone):
        capture(TARGET.pid, surroundings=FakeSurroundings([clone], is_gone=True))
    assert clone.released == 1


def test_a_hanging_clone_is_released_and_the_capture_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt goes through ptrace, and the snapshot tells of the first."""
    monkeypatch.setattr("heapscope.service.channel.TICK_S", 0.001)
    first, second = FakeClone(b"", hangs=True, injector="remote_exec"), FakeClone(empty_stream())
    world = FakeSurroundings([first, second])
    snapshot = capture(TARGET.pid, CaptureOptions(silence_s=0.02), surroundings=world)
    assert world.vias == ["auto", "ptrace"]
    assert (first.released, second.released) == (1, 1)
    assert "first attempt" in snapshot.meta.warnings[0]


@pytest.mark.parametrize("stream", [empty_stream(objects=3), empty_stream()[:50], b""])
def test_where_the_compiled_walker_fails_the_one_in_python_takes_over(stream: bytes) -> None:
    """Whatever came of the first; the snapshot says which one it is from, and why."""
    clones = [FakeClone(stream), FakeClone(empty_stream())]
    world = FakeSurroundings(clones)
    snapshot = capture(TARGET.pid, surroundings=world)
    assert world.runs_python == [False, True]
    assert snapshot.meta.collector == "python-clone"
    assert "native-clone" in snapshot.meta.warnings[0]
    assert [clone.released for clone in clones] == [1, 1]


def test_a_wrong_stream_of_the_last_collector_is_not_tried_again() -> None:
    """It would be wrong once more."""
    clones = [FakeClone(empty_stream(objects=3)) for _ in range(3)]
    with pytest.raises(CaptureInconsistent):
        capture(TARGET.pid, surroundings=FakeSurroundings(clones))
    assert [clone.released for clone in clones] == [1, 1, 0]


@pytest.mark.parametrize(("collector", "attempts"), [("native", 2), ("python", 2), ("auto", 3)])
def test_clones_that_hang_one_after_the_other_are_an_error(collector: str, attempts: int) -> None:
    """The error says that the clone was silent."""
    clones = [FakeClone(b"", hangs=True) for _ in range(attempts)]
    options = CaptureOptions(via="ptrace", collector=collector, silence_s=-1.0)
    with pytest.raises(CloneSilent):
        capture(TARGET.pid, options, surroundings=FakeSurroundings(clones))
    assert [clone.released for clone in clones] == [1] * attempts


def test_the_deadline_ends_a_capture_and_releases_the_clone() -> None:
    """A budget, not an inconsistency."""
    clone = FakeClone(b"", hangs=True)
    with pytest.raises(BudgetExceeded):
        capture(TARGET.pid, CaptureOptions(timeout_s=1e-9), surroundings=FakeSurroundings([clone]))
    assert clone.released == 1


def test_cancel_works_before_and_after_the_clone_is_made() -> None:
    """Set at once: no clone is made. Set when the clone is there: it is released."""
    cancel = threading.Event()
    cancel.set()
    world = FakeSurroundings([])
    with pytest.raises(Cancelled):
        capture(TARGET.pid, cancel=cancel, surroundings=world)
    assert world.vias == []

    later, clone = threading.Event(), FakeClone(b"", hangs=True)

    def progress(report: CaptureProgress) -> None:
        if report.phase == "clone":
            later.set()

    with pytest.raises(Cancelled):
        capture(TARGET.pid, progress=progress, cancel=later, surroundings=FakeSurroundings([clone]))
    assert clone.released == 1


def test_head_room_is_only_passed_over_on_request() -> None:
    """The option reaches the judge."""
    for ignore in (False, True):
        world = FakeSurroundings([FakeClone(empty_stream())])
        capture(TARGET.pid, CaptureOptions(ignore_head_room=ignore), surroundings=world)
        assert ("memory" in world.ignored) is ignore


def test_options_that_make_no_sense_are_usage_errors() -> None:
    """Unknown injector, no time."""
    for options in ({"via": "magic"}, {"collector": "magic"}, {"timeout_s": 0.0}, {"timeout_s": float("nan")}):
        with pytest.raises(UsageError):
            CaptureOptions(**options)  # type: ignore[arg-type]


def test_coverage_is_unknown_unless_both_figures_are_there() -> None:
    """Nonsense from the clone gives no figure."""
    assert coverage_of({"coverage_attributed_bytes": 90}, 100) == 0.9
    assert coverage_of({"coverage_attributed_bytes": 90}, 0) is None
    assert coverage_of({"coverage_attributed_bytes": "90"}, 100) is None
    assert coverage_of({}, None) is None


def test_where_the_memory_is_comes_with_the_snapshot() -> None:
    """With what the walk says of the allocator's blocks, and the coverage that follows."""
    end = {"objects": 0, "references": 0, "types": 0, "roots": 0, "warnings": [], "coverage_attributed_bytes": 30}
    hello = {"protocol": PROTOCOL_VERSION, "python_version": "3.12.1", "pid": 4711}
    frames = ((Kind.HELLO, hello), (Kind.END, end))
    words = b"".join(encode_frame(kind, encode_value(value), number) for number, (kind, value) in enumerate(frames))
    pymalloc = replace(PYMALLOC, allocated_bytes=40, attributed_bytes=None)
    world = FakeSurroundings([FakeClone(words)], memory=replace(FACTS, pymalloc=pymalloc))
    snapshot = capture(TARGET.pid, surroundings=world)
    assert snapshot.memory == replace(FACTS, pymalloc=replace(pymalloc, attributed_bytes=30))
    assert snapshot.meta.coverage == 0.75


def test_a_capture_does_not_fail_for_want_of_memory_figures() -> None:
    """It says so instead."""
    world = FakeSurroundings([FakeClone(empty_stream())], memory=None)
    snapshot = capture(TARGET.pid, surroundings=world)
    assert snapshot.memory is None
    assert snapshot.meta.coverage is None
    assert any("where the memory is could not be read: smaps" in text for text in snapshot.meta.warnings)


def test_digits_are_a_pid_and_everything_else_is_a_path() -> None:
    """No guessing; a number that no process can have names nobody."""
    assert find_pid("4711") == 4711
    assert find_pid("./4711") is None
    with pytest.raises(TargetGone):
        parse_pid("0")
    with pytest.raises(TargetGone):
        parse_pid("9" * 5000)
    for word in ("-1", "x", "", "\u0664"):
        with pytest.raises(UsageError):
            parse_pid(word)
    with pytest.raises(SnapshotFileError):
        open_source("./no such file")


def test_only_an_urgent_clone_competes_with_the_target() -> None:
    """Evidence before the end cannot be taken at the lowest priority; everything else is."""
    for is_urgent in (False, True):
        clone = FakeClone(empty_stream())
        world = FakeSurroundings([clone])
        capture(TARGET.pid, CaptureOptions(is_urgent=is_urgent), surroundings=world)
        assert world.hurried == ([clone] if is_urgent else [])
