"""What the benchmarks make of their readings: which marks a figure is held against, and how tables look."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.bench_service import percentiles, waits_in
from scripts.benching.report import capture_table, gap_limit_ns, markdown, rate

ROW: dict[str, Any] = {
    "python": "python3",
    "python_version": "3.13.0",
    "objects": 10_000_000,
    "load_average": 0.1,
    "rss_before_bytes": 1000 << 20,
    "collector": "native-clone",
    "bare_clone_ns": 20_000_000,
    "own_gap_ns": 1_200_000,
    "gap_ns": 50_000_000,
    "pause_ns": 21_000_000,
    "stream_ns": 2_000_000_000,
    "clone_cpu_ns": 1_000_000_000,
    "host_stream_cpu_ns": 1_000_000_000,
    "host_build_cpu_ns": 600_000_000,
    "build_ns": 500_000_000,
    "drain_ns": 1_000_000_000,
    "capture_ns": 2_000_000_000,
    "to_file_ns": 8_000_000_000,
    "clone_wrote_bytes": 36 << 20,
    "rss_change": 0.01,
    "blocks_change": 0,
    "dicts_change": 0,
    "coverage": 0.999,
    "workloads": [],
}
OVER = {
    "gap_ns": 50_000_001,
    "stream_ns": 2_000_000_001,
    "to_file_ns": 8_000_000_001,
    "clone_wrote_bytes": (36 << 20) + 1,
    "rss_change": -0.0101,
    "blocks_change": 1,
    "dicts_change": 1,
}


def test_figures_on_their_marks_are_within() -> None:
    """Each mark is the last good value."""
    assert gap_limit_ns(ROW) == ROW["gap_ns"]
    assert "(over)" not in capture_table([ROW])


@pytest.mark.parametrize("name", sorted(OVER))
def test_each_figure_just_over_its_mark_is_named(name: str) -> None:
    """One line of the table says so, and no other."""
    table = capture_table([{**ROW, name: OVER[name]}])
    assert table.count("(over)") == 1


def test_ten_million_objects_are_the_least_that_the_time_to_a_file_is_for() -> None:
    """More objects get more time, fewer get no less."""
    assert "(over)" not in capture_table([{**ROW, "objects": 20_000_000, "to_file_ns": 16_000_000_000}])
    assert "(over)" in capture_table([{**ROW, "to_file_ns": 8_000_000_001}])


def test_coverage_is_one_line_for_each_workload() -> None:
    """Packages that are not to be had are no failure; a ratio out of range is."""
    workloads = [
        {"workload": "records", "ratio": 1.0061, "in_range": False},
        {"workload": "numbers", "ratio": None, "in_range": None},
    ]
    lines = capture_table([{"python": "python3", "workloads": workloads}]).splitlines()
    assert lines[2].split("|")[1:3] == [" records / traced ", " 1.0061 (over) "]
    assert lines[3].split("|")[2].strip() == "no packages"


def test_tables_are_markdown_with_figures_flush_right() -> None:
    """As the README shows them."""
    assert markdown(["", "a"], [["x", "1"], ["yy", "22"]]) == "|    |  a |\n|----|---:|\n| x  |  1 |\n| yy | 22 |"


def test_a_rate_is_for_a_second() -> None:
    """Also when no time passed."""
    assert rate(10, 2_000_000_000) == 5
    assert rate(1, 0) == 1e9


def test_requests_count_for_the_stretch_in_which_they_were_due() -> None:
    """Not for the one in which they were answered; the ends of stretches belong to the next."""
    samples = [[5, 100], [10, 7], [19, 8], [20, 9], [30, 1]]
    assert waits_in(samples, [(10, 20), (30, 31)]) == [7, 8, 1]


def test_percentiles_leave_failures_out_but_count_them() -> None:
    """A failed request has no waiting time."""
    figures = percentiles([-1, *range(1001)])
    assert (figures["requests"], figures["failures"]) == (1002, 1)
    assert (figures["p50_ns"], figures["p99_ns"], figures["longest_ns"]) == (500, 990, 1000)
