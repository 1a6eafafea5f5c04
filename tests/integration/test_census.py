"""A census says of every type what a snapshot of the same process says, and takes nothing else along."""

from __future__ import annotations

import json

import pytest

from heapscope.analysis.histogram import build_histogram
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.census import take_census
from tests.support.command_line import run_heapscope
from tests.support.invariants import unharmed
from tests.support.pythons import Python, found_pythons
from tests.support.targets import MARKER_TYPE, Situation, Target, running, situation_named

pytestmark = [pytest.mark.integration, pytest.mark.apart]

SHAPES = Situation("shapes", "native_shapes.py")
Totals = dict[str, tuple[int, int, int, int]]


def counted(target: Target, collector: str) -> Totals:
    """Take a census with one collector."""
    census = take_census(target.pid, CaptureOptions(collector=collector))
    assert census.meta.collector == f"{collector}-clone"
    assert census.meta.warnings == ()
    assert census.meta.pause_ns > 0
    assert [row.shallow_bytes for row in census.types] == sorted(
        (row.shallow_bytes for row in census.types), reverse=True
    )
    return {row.name: (row.count, row.shallow_bytes, row.allocated_bytes, row.type_count) for row in census.types}


def snapped(target: Target, collector: str) -> Totals:
    """Make a snapshot with the same collector, and count."""
    rows = build_histogram(capture(target.pid, CaptureOptions(collector=collector)), recursive=False).rows
    return {row.type_name: (row.count, row.shallow_bytes, row.allocated_bytes, row.type_count) for row in rows}


def assert_same(python: Python, situation: Situation) -> Totals:
    """Compare both, of a process at rest."""
    collector = "python" if python.free_threaded else "native"
    with running(python, situation) as target, unharmed(target):
        totals = counted(target, collector)
        assert totals == snapped(target, collector)
    return totals


def test_a_census_has_the_totals_of_a_snapshot(one_python: Python) -> None:
    """Counts, both sizes, and the number of types of a name; instances of all shapes among them."""
    assert assert_same(one_python, SHAPES)


@pytest.mark.matrix
@pytest.mark.parametrize("python", found_pythons(), ids=lambda each: each.label)
def test_a_census_has_the_totals_of_a_snapshot_in_every_interpreter(python: Python) -> None:
    """As above; where the compiled walker knows no objects, by way of a snapshot."""
    assert assert_same(python, SHAPES)


def test_types_quick_of_a_process_is_a_census(one_python: Python) -> None:
    """The rows have no retained sizes, and the target's own types are there."""
    with running(one_python, situation_named("event wait")) as target:
        done = run_heapscope("types", str(target.pid), "--quick", "--format", "json", "-n", "0")
        assert done.returncode == 0, done.stderr
        rows = {row["type"]: row for row in json.loads(done.stdout)}
        assert rows[MARKER_TYPE]["count"] == target.marker_count
        assert {row["retained_bytes"] for row in rows.values()} == {None}
        assert sum(row["share"] for row in rows.values()) == pytest.approx(1, abs=1e-3)
