"""Growth on a real service: the registry that grows comes before churn that is ten times larger, and watching it ends as it should."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import heapscope
from heapscope.analysis.growth import measure_growth
from heapscope.analysis.holder_growth import ELSEWHERE, HolderGrowth, measure_holder_growth
from heapscope.errors import ExitCode
from heapscope.snapshot.model import Snapshot
from tests.support.command_line import heapscope_words, run_heapscope
from tests.support.pythons import Python, found_pythons
from tests.support.targets import PROGRAMS, clean_environment

pytestmark = pytest.mark.integration

REGISTRY = "__main__.REGISTRY.sessions"
STEADY = {
    REGISTRY: 2000,
    "__main__.HANDLERS": 320,
    "__main__.CHAIN > __main__.Node": 320,
    "__main__.compute": 320,
    "__main__.BY_NUMBER": 320,
    "__main__.BY_NAME": 320,
}
PATIENCE_S = 120.0


class Service:
    """The service; each ``step`` makes it grow, and churn."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")

    def step(self) -> None:
        """Grow once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().startswith("step")


@contextmanager
def running(python: Python) -> Iterator[Service]:
    """Start the service."""
    words = [os.fspath(python.path), os.fspath(PROGRAMS / "growing.py")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        try:
            yield Service(process)
        finally:
            process.kill()


def three_snapshots(service: Service) -> list[Snapshot]:
    """Capture, and grow between captures."""
    snapshots = [heapscope.capture(service.process.pid).snapshot]
    for _ in range(2):
        service.step()
        snapshots.append(heapscope.capture(service.process.pid).snapshot)
    return snapshots


def check_ranking(rows: tuple[HolderGrowth, ...]) -> None:
    """What grows steadily is there, with the entries that the service put in, and the registry comes first."""
    by_name = {row.holder: row for row in rows}
    assert rows[0].holder == REGISTRY
    for holder, more in STEADY.items():
        # Until 3.9 the links of an lru_cache do not show what they hold: its dict is what grows.
        row = next(row for row in rows if row.holder.removesuffix(" > dict") == holder)
        assert (row.count_delta, row.rising) == (more, 2), holder
    bins = next(row for row in rows if row.holder.startswith("__main__.BINS[]"))
    assert (bins.objects, bins.count_delta) == (16, 320)
    # Churn: ten times as much, but not at every step; a dict of requests, named by keys that come and go.
    churn = by_name["__main__.BATCH"]
    assert churn.delta > 3 * rows[0].delta
    assert churn.rising == 1
    assert abs(by_name[ELSEWHERE].delta) < 64 << 10 if ELSEWHERE in by_name else True


def test_three_snapshots_name_the_registry_first_where_types_do_not(one_python: Python) -> None:
    """Types by bytes say bytes and dict, which the churn is made of."""
    with running(one_python) as service:
        snapshots = three_snapshots(service)
    rows = measure_holder_growth(snapshots)
    check_ranking(rows)
    naive = sorted(measure_growth(snapshots[0], snapshots[-1]), key=lambda row: -row.shallow_delta)
    assert {row.type_name for row in naive[:2]} == {"builtins.bytes", "builtins.dict"}
    assert sum(row.delta for row in rows) == snapshots[-1].heap_bytes - snapshots[0].heap_bytes


@pytest.mark.matrix
@pytest.mark.parametrize(
    "python", [python for python in found_pythons() if not python.free_threaded], ids=lambda python: python.label
)
def test_holders_have_the_same_names_on_every_version(python: Python) -> None:
    """Whatever keeps attributes there: dicts, values, inline values."""
    with running(python) as service:
        check_ranking(measure_holder_growth(three_snapshots(service)))


@pytest.mark.parametrize("ends_by", ["ctrl-c", "death"])
def test_watching_ends_early_with_what_there_is(one_python: Python, tmp_path: Path, ends_by: str) -> None:
    """The exit code says so; the snapshots are kept, and files say the same to the byte."""
    with running(one_python) as service:
        words = heapscope_words(
            *("growth", str(service.process.pid), "--for", "10m", "--every", "0.2s"),
            *("--keep", str(tmp_path), "--by", "holder", "--format", "json"),
        )
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            stop, grown = threading.Event(), list[int]()
            stepping = threading.Thread(target=_step_until, args=(service, tmp_path, stop, grown))
            stepping.start()
            try:
                _wait_until(lambda: bool(grown) and len(_kept(tmp_path)) >= grown[0] + 3)
            finally:
                stop.set()
                stepping.join()
            if ends_by == "death":
                service.process.kill()
            else:
                watching.send_signal(signal.SIGINT)
            out, errors = watching.communicate(timeout=PATIENCE_S)
    expected = ExitCode.TARGET_GONE if ends_by == "death" else ExitCode.INTERRUPTED
    assert watching.returncode == expected, errors
    found = json.loads(out)
    assert next(row for row in found if row["holder"] == REGISTRY)["held_delta_bytes"] > 0
    # The last one may have been written, but no longer summed up.
    files = sorted(map(str, tmp_path.iterdir()))
    steps = found[0]["steps"]
    assert 1 <= steps <= len(files) - 1
    if ends_by == "ctrl-c":
        again = run_heapscope("growth", *files[: steps + 1], "--by", "holder", "--format", "json")
        assert json.loads(again.stdout) == found


def _step_until(service: Service, folder: Path, stop: threading.Event, grown: list[int]) -> None:
    """Grow whenever there is one more snapshot, and note how many there were when that was done.

    The next one may have been begun before; the one after it shows the growth; and one more is seen only when that one was summed up.
    """
    seen = 0
    while not stop.wait(0.02):
        count = len(_kept(folder))
        if count > seen:
            seen = count
            service.step()
            grown.append(len(_kept(folder)))


def _kept(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ".heapscope"]


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
