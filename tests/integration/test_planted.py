"""Services with a planted problem each: report names who holds the memory, by holder, path and place; and leaves a healthy one alone.

The problems lie between much innocent memory (planted_shop.py): settings, full caches with limits, the modules of a service.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heapscope.analysis.suspects.model import Confidence, Report, SuspectKind, VerdictKind
from heapscope.analysis.suspects.summary import incident_summary
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.report import report_on
from heapscope.snapshot.model import Snapshot
from tests.support.pythons import Python, usual_pythons
from tests.support.targets import Situation, Target, running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

REQUESTS = 437
PLANTED = ("registry", "exceptions", "callbacks", "callbacks each", "allocator malloc", "allocator pymalloc", "healthy")


@contextlib.contextmanager
def service(python: Python, name: str) -> Iterator[Target]:
    """Run one of the services."""
    program, *arguments = name.split()
    with running(python, Situation(name, f"planted_{program}.py", tuple(arguments))) as target:
        yield target


def shots(python: Python, name: str, count: int) -> list[Snapshot]:
    """Capture a service several times, with work between."""
    with service(python, name) as target:
        found = []
        for _ in range(count):
            target.ask("work", requests=REQUESTS)
            found.append(capture(target.pid, CaptureOptions()))
        assert target.is_running()
        return found


def line_of(name: str, text: str) -> str:
    """Give ``file:line`` of the only line of a program that starts like that."""
    path = Path(__file__).parent / "targets" / f"planted_{name.split(maxsplit=1)[0]}.py"
    (number,) = [
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip().startswith(text)
    ]
    return f"{path.name}:{number}"


def check_registry(report: Report) -> None:
    """One snapshot names it, and says that it takes more; three say that it grows."""
    suspect = report.suspects[0]
    assert suspect.holder == "__main__.REGISTRY.sessions"
    assert [step.name for step in suspect.path] == ["module __main__", ".REGISTRY", ".sessions"]
    assert suspect.place.endswith(line_of("registry", "def open("))
    assert suspect.path[1].place.rpartition(":")[0].endswith("planted_registry.py")
    if report.snapshot_count == 1:
        assert report.verdict.kind is VerdictKind.NOT_ENOUGH_DATA
        return
    assert report.verdict.kind is VerdictKind.GROWING
    assert set(suspect.kinds) == {SuspectKind.GROWTH, SuspectKind.ACCUMULATION}
    assert suspect.confidence >= Confidence.MEDIUM


def check_exceptions(report: Report) -> None:
    """The list that keeps them, down to the variable of the frame that keeps most."""
    suspect = report.suspects[0]
    assert (suspect.kind, suspect.holder) == (SuspectKind.EXCEPTION, "__main__.WORKER.failures")
    assert suspect.place.endswith(line_of("exceptions", "def run("))
    names = [step.name for step in suspect.path]
    assert names[:3] == ["module __main__", ".WORKER", ".failures"]
    assert {".error", ".__traceback__", ".tb_frame"} <= set(names)
    assert any(step.place.endswith(line_of("exceptions", "def import_document(")) for step in suspect.path)
    assert suspect.confidence is Confidence.HIGH
    expected = VerdictKind.SUSPECTED if report.snapshot_count == 1 else VerdictKind.GROWING
    assert report.verdict.kind is expected


def check_callbacks(report: Report) -> None:
    """That C code holds them, and which function they are."""
    suspect = report.suspects[0]
    assert suspect.kind is SuspectKind.NATIVE_HOLD
    assert "on_event" in suspect.holder
    assert suspect.place.endswith(line_of("callbacks", "def on_event("))
    assert suspect.path[0].name == "held by C code only"
    assert next(step.type_name for step in suspect.path if step.place) == "builtins.function"
    assert ".cell_contents" in [step.name for step in suspect.path]
    assert report.verdict.kind.is_alarm


def check_allocator(report: Report) -> None:
    """That it is no object's, and which objects lie between what was freed."""
    suspect = report.suspects[0]
    assert suspect.kind is SuspectKind.ALLOCATOR
    assert suspect.path[-1].name == ".KEPT"
    assert suspect.place.endswith(line_of("allocator", "def import_day("))
    assert report.verdict.kind is VerdictKind.ALLOCATOR_RETENTION
    assert report.memory is not None
    assert report.memory.rss_bytes > 3 * report.figures.heap_bytes


def check_healthy(report: Report) -> None:
    """Full caches, sessions that come and go, cycles that await the collector: no alarm, and no doubt about it."""
    assert report.verdict.kind is VerdictKind.NO_LEAK_SEEN, incident_summary(report)
    assert report.verdict.headline.startswith("no leak seen")
    assert all(suspect.confidence is Confidence.LOW for suspect in report.suspects)


CHECKS: dict[str, Callable[[Report], None]] = {
    "registry": check_registry,
    "exceptions": check_exceptions,
    "callbacks": check_callbacks,
    "allocator": check_allocator,
    "healthy": check_healthy,
}


def check(python: Python, name: str, count: int) -> None:
    """Capture a service so many times, and judge what is said of the first and of all."""
    snapshots = shots(python, name, count)
    judge = CHECKS[name.split(maxsplit=1)[0]]
    judge(report_on(snapshots[:1]))
    if count > 1:
        judge(report_on(snapshots))


@pytest.mark.parametrize(
    ("name", "count"), [("registry", 3), ("callbacks", 1), ("allocator malloc", 1), ("healthy", 3)]
)
def test_report_names_the_culprit_first(one_python: Python, name: str, count: int) -> None:
    """From one snapshot where that suffices, else from three."""
    check(one_python, name, count)


@pytest.mark.matrix
@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("python", usual_pythons(), ids=lambda python: python.label)
def test_report_names_the_culprit_first_everywhere(python: Python, name: str) -> None:
    """On each interpreter, with each way in which the problem is planted, also from three snapshots."""
    check(python, name, 3)


def test_a_live_process_from_the_command_line(one_python: Python) -> None:
    """One capture; the exit code says that the check holds, and the parts of the memory add up."""
    with service(one_python, "exceptions") as target:
        words = ["report", str(target.pid), "--format", "json", "--fail-if", "suspects.high > 0"]
        command = [sys.executable, "-m", "heapscope", *words]
        done = subprocess.run(command, capture_output=True, check=False, timeout=300)
        assert target.is_running()
    found = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    suspect = found["suspects"][0]
    assert (suspect["holder"], suspect["kind"]) == ("__main__.WORKER.failures", "exception")
    assert suspect["place"].endswith(line_of("exceptions", "def run("))
    assert suspect["next"][0].startswith(f"heapscope paths {found['heap']['pid']} --address 0x")
    assert sum(part["bytes"] for part in found["memory"]["components"]) == found["memory"]["rss_bytes"]
