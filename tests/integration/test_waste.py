"""Waste in real processes, on every interpreter: found where it was planted, and a fix gives back what was said."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import heapscope
from heapscope.analysis.waste.model import Pattern, WasteReport, WasteRow
from heapscope.analysis.waste.owners import owner_text
from heapscope.errors import ExitCode
from tests.support.command_line import run_heapscope
from tests.support.examples import is_thorough
from tests.support.pythons import Python, found_pythons, one_per_release
from tests.support.targets import clean_environment

pytestmark = [pytest.mark.integration, pytest.mark.apart]

PROGRAM = Path(__file__).parent / "targets" / "waste_shapes.py"
COUNT = 2000
# Free lists keep up to 80 lists or dicts, and as many tables of dicts' keys; what a fix keeps itself is small. One unit of
# rounding per object is 32,000, so an error in a formula still shows.
SLACK = 80 * (64 + 128) + 1024

PYTHONS = one_per_release(python for python in found_pythons() if not python.free_threaded and not python.debug)
FAR_APART = PYTHONS if is_thorough() else PYTHONS[:: max(1, (len(PYTHONS) - 1) // 2)]  # ten seconds each


@dataclasses.dataclass(frozen=True)
class Plant:
    """What one global of the target wastes: the row that must speak of it, and the fix."""

    fix: str
    pattern: Pattern
    owner: str
    count: int  # an outlier, planted beside them, may be one more
    is_exact: bool = True
    since: tuple[int, int] = (3, 8)


PLANTS = (
    Plant("records", Pattern.RECORDS, ".ROWS list > [] dict", COUNT),
    Plant("read", Pattern.DICT_READ, ".READ list > [] __main__.Item", COUNT, since=(3, 11)),
    Plant("many", Pattern.CLIFF, ".MANY list > [] __main__.Many", COUNT, is_exact=False, since=(3, 11)),
    Plant("reserved", Pattern.RESERVED, ".POLLUTED list > [] __main__.Polluted", COUNT, is_exact=False, since=(3, 11)),
    Plant("floats", Pattern.NUMBERS, ".FLOATS list", 1),
    Plant("ints", Pattern.NUMBERS, ".INTS list", 1),
    Plant("longs", Pattern.NUMBERS, ".LONGS tuple", 1),
    Plant("dicts", Pattern.SPARSE, ".DICTS list > [] dict", COUNT),
    Plant("lists", Pattern.SPARSE, ".LISTS list > [] list", COUNT),
    Plant("sets", Pattern.SPARSE, ".SETS list > [] set", COUNT),
    Plant("texts", Pattern.DUPLICATES, ".TEXTS list > [] str", COUNT),
    Plant("wide", Pattern.WIDE_TEXT, ".WIDE list > [] str", COUNT),  # one wide character each, so what is saved at most
    Plant("bytes", Pattern.DUPLICATES, ".BYTES list > [] bytes", COUNT),
    Plant("empty", Pattern.EMPTY, ".ITEMS list > [] __main__.Item > .tags list", COUNT),
)


@contextmanager
def running(python: Python) -> Iterator[subprocess.Popen[str]]:
    """Run the target until it is ready."""
    words = [str(python.path), str(PROGRAM)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=clean_environment()) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def fix(process: subprocess.Popen[str], name: str) -> int:
    """Have the target apply a fix; give the allocated bytes that went."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(name + "\n")
    process.stdin.flush()
    before, after = json.loads(process.stdout.readline())
    return int(before - after)


def row_for(report: WasteReport, plant: Plant) -> WasteRow:
    """Find the one row that speaks of what was planted."""
    wanted = f"module __main__ > {plant.owner}"
    found = [row for row in report.rows if row.pattern is plant.pattern and owner_text(row.owner) == wanted]
    assert len(found) == 1, (plant, [(row.pattern, owner_text(row.owner)) for row in report.rows])
    return found[0]


@pytest.mark.parametrize("python", FAR_APART, ids=lambda python: python.label)
def test_a_fix_gives_back_what_was_said(python: Python) -> None:
    """To the byte where the row says so; within a tenth where it says that it is an estimate."""
    problems: dict[str, Any] = {}
    with running(python) as process:
        report = heapscope.capture(process.pid).queries.waste(16 << 10)
        for plant in PLANTS:
            if python.minor < plant.since:
                assert plant.pattern not in {row.pattern for row in report.rows}
                continue
            row = row_for(report, plant)
            given_back = fix(process, plant.fix)
            slack = SLACK if plant.is_exact else row.saves_bytes // 10
            if row.count - plant.count not in {0, 1} or abs(given_back - row.saves_bytes) > slack:
                problems[plant.fix] = (row.count, row.saves_bytes, given_back, given_back - row.saves_bytes)
    assert problems == {}


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: python.label)
def test_dicts_with_keys_of_their_own_are_found(python: Python) -> None:
    """What sharing them would save depends on the class: an estimate."""
    with running(python) as process:
        report = heapscope.capture(process.pid).queries.waste(16 << 10)
    rows = [row for row in report.rows if row.type_name == "__main__.Bag"]
    assert {row.pattern for row in rows} <= {Pattern.UNSHARED, Pattern.DICT_READ}
    assert sum(row.count for row in rows) >= COUNT // 2


def test_the_command_says_the_same(one_python: Python, tmp_path: Path) -> None:
    """Live and from a file; JSON keys are a contract."""
    path = str(tmp_path / "x.heapscope")
    with running(one_python) as process:
        assert run_heapscope("snapshot", str(process.pid), "-o", path).returncode == ExitCode.OK
        live = run_heapscope("waste", str(process.pid), "--format", "json", "--min-bytes", "16K")
    filed = run_heapscope("waste", path, "--format", "json", "--min-bytes", "16K")
    assert live.returncode == filed.returncode == ExitCode.OK, live.stderr + filed.stderr
    rows = json.loads(filed.stdout)
    told = [
        {(row["pattern"], row["owner"], row["saves_bytes"]) for row in json.loads(done.stdout)}
        for done in (live, filed)
    ]
    assert len(told[0] & told[1]) >= len(PLANTS) - 2
    assert [row["saves_bytes"] for row in rows] == sorted((row["saves_bytes"] for row in rows), reverse=True)
    assert set(rows[0]) == {
        "subject", "pattern", "type", "count", "bytes_now", "saves_bytes", "precision", "share", "owner", "owner_share",
        "fix", "names", "details", "example",
    }  # fmt: skip
    table = run_heapscope("waste", path, "--filter", "dicts", "-n", "2")
    assert table.returncode == ExitCode.OK
    assert "held by" in table.stdout
    assert "fix" in table.stdout
