"""The estimate of a capture, part by part, and which limit it meets first."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.target.activity import (
    BUSY_WRITE_RATE,
    Activity,
    MemoryFacts,
    read_activity,
    read_memory_facts,
    read_unshared,
    write_rate,
)
from heapscope.target.experience import Observed, recall, remember
from heapscope.target.headroom import (
    COSTS,
    NATIVE_CLONE,
    PYTHON_CLONE,
    commit_charge,
    estimate_parts,
    measure_headroom,
    measure_tasks,
)
from heapscope.target.limits import Resource
from heapscope.target.maps import parse_maps_text
from tests.support.kernel_files import MB, make_places, meminfo, status

GB = 1 << 30
BIG = MemoryFacts(anonymous=2 * GB, page_tables=5 * MB, swapped=0)


def test_the_native_walker_costs_a_fraction_and_the_python_one_more_than_everything() -> None:
    """At most 2 % and 16 MB with page tables, when the target is idle."""
    native = sum(estimate_parts(BIG, NATIVE_CLONE).values())
    assert native == int(2 * GB * 0.02) + 16 * MB + 5 * MB
    assert sum(estimate_parts(BIG, PYTHON_CLONE).values()) > 2 * GB


def test_writes_of_the_target_are_bounded_by_what_is_still_shared() -> None:
    """A page is copied once, by whoever writes first."""
    for collector in COSTS:
        slow, fast = (estimate_parts(BIG, collector, write_rate=rate)["writes of the target"] for rate in (1e6, 1e15))
        assert slow <= fast <= BIG.anonymous * (1 - COSTS[collector].unshared_share)
    assert estimate_parts(BIG, NATIVE_CLONE, write_rate=1e6)["writes of the target"] > 1e6
    assert estimate_parts(BIG, PYTHON_CLONE, write_rate=1e15)["writes of the target"] == 0


def test_huge_pages_count_as_a_whole_only_for_a_target_that_writes() -> None:
    """Where the kernel copies all of one for a single byte."""
    assert estimate_parts(BIG, NATIVE_CLONE, write_rate=1.0, huge=GB)["writes of the target"] == GB
    assert estimate_parts(BIG, NATIVE_CLONE, huge=GB)["writes of the target"] == 0


def test_swapped_memory_comes_back() -> None:
    """The walker reads it, so it needs room, and it is walked like the rest."""
    parts = estimate_parts(MemoryFacts(0, 0, 100 * MB), PYTHON_CLONE)
    assert parts["swapped memory"] == 100 * MB
    assert parts["walker"] > 100 * MB


def test_what_the_last_capture_cost_replaces_the_estimate() -> None:
    """Scaled to the present size, with a margin; never scaled down."""
    observed = Observed(unshared_bytes=30 * MB, anonymous_bytes=GB, duration_s=2.0)
    assert sum(estimate_parts(BIG, NATIVE_CLONE, observed=observed, write_rate=1e12).values()) == 90 * MB
    small = MemoryFacts(MB, 0, 0)
    assert sum(estimate_parts(small, NATIVE_CLONE, observed=observed).values()) == 45 * MB


def test_experience_is_of_one_process_and_does_not_grow() -> None:
    """A reused pid is another process."""
    remember(1, 10, NATIVE_CLONE, Observed(1, 1, 1.0))
    assert recall(1, 10, NATIVE_CLONE) == Observed(1, 1, 1.0)
    assert recall(1, 11, NATIVE_CLONE) is None
    assert recall(1, 10, PYTHON_CLONE) is None
    for pid in range(2, 200):
        remember(pid, 10, NATIVE_CLONE, Observed(2, 1, 1.0))
    assert recall(1, 10, NATIVE_CLONE) is None
    assert recall(199, 10, NATIVE_CLONE) is not None


def test_a_busy_core_writes_and_an_idle_one_does_not() -> None:
    """By CPU time, at least by page faults; a thread that ended takes its time with it."""
    start = Activity(10.0, 5_000_000_000, 100)
    assert write_rate(start, Activity(11.0, 5_000_000_000, 100)) == 0
    assert write_rate(start, Activity(11.0, 5_500_000_000, 100)) == pytest.approx(BUSY_WRITE_RATE / 2)
    assert write_rate(start, Activity(11.0, 5_000_000_000, 100_100)) >= 100_000 * 4096
    assert write_rate(start, Activity(10.0, 0, 0)) == 0


def _files(available_kb: int) -> dict[str, str | int]:
    return {
        "proc/meminfo": meminfo(
            MemTotal=16 << 20, MemAvailable=available_kb, CommitLimit=16 << 20, Committed_AS=15 << 20
        ),
        "proc/7/status": status(RssAnon="204800 kB", VmPTE="512 kB", VmSwap="0 kB"),
        "proc/7/smaps_rollup": "00400000-7ff0 ---p 00000000 00:00 0 [rollup]\nAnonHugePages: 102400 kB\nPrivate_Clean: 32 kB\nPrivate_Dirty: 64 kB\n",
        "proc/7/cgroup": "0::/api\n",
        "cgroup/api/memory.current": 900 * MB,
        "cgroup/api/memory.max": 940 * MB,
    }


def test_the_shortest_limit_is_named_with_parts_that_add_up(tmp_path: Path) -> None:
    """The group, not the host; for the native walker there is enough."""
    places = make_places(tmp_path, _files(8 << 20))
    room = measure_headroom(7, PYTHON_CLONE, places=places)
    assert (room.limited_by, room.available, room.is_enough) == ("memory.max of control group /api", 40 * MB, False)
    assert room.needed == sum(room.parts.values()) == 432 * MB + (512 << 10)
    assert room.parts_text() == "walker 432M"
    assert measure_headroom(7, NATIVE_CLONE, places=places).is_enough


def test_an_old_kernel_copies_huge_pages_whole(tmp_path: Path) -> None:
    """Before 5.8; only the huge ones, and only for a target that writes."""
    places = make_places(tmp_path, _files(8 << 20))
    sizes = [
        measure_headroom(7, NATIVE_CLONE, write_rate=rate, kernel=kernel, places=places).parts["writes of the target"]
        for rate, kernel in ((1.0, (5, 7)), (1.0, (5, 8)), (0.0, (5, 7)))
    ]
    assert sizes == [100 * MB, 0, 0]


def test_a_kernel_that_does_not_overcommit_charges_all_writable_private_memory(tmp_path: Path) -> None:
    """Shared and read-only mappings cost nothing; the figures are those of the charge."""
    text = (
        "10000-20000 rw-p 0 00:00 0 [heap]\n20000-30000 r--p 0 00:00 0\n30000-50000 rw-s 0 00:05 9 /dev/zero\n"
        "100000000-180000000 rw-p 0 00:00 0\n"
    )
    mappings = parse_maps_text(text)
    assert commit_charge(mappings) == 0x10000 + 0x80000000
    places = make_places(
        tmp_path, _files(8 << 20) | {"proc/sys/vm/overcommit_memory": 2, "cgroup/api/memory.max": "max"}
    )
    room = measure_headroom(7, NATIVE_CLONE, mappings=mappings, places=places)
    assert (room.resource, room.available, room.is_enough) == (Resource.COMMIT, GB, False)
    assert room.needed == commit_charge(mappings)


def test_without_any_limit_there_is_enough(tmp_path: Path) -> None:
    """A host that tells nothing refuses nothing."""
    places = make_places(tmp_path, {"proc/7/status": status(RssAnon="1 kB"), "proc/loadavg": ""})
    assert measure_headroom(7, PYTHON_CLONE, places=places).is_enough
    assert measure_tasks(7, places) is None


def test_figures_of_a_process_that_is_gone_are_none(tmp_path: Path) -> None:
    """Nothing is raised, nothing is made up."""
    places = make_places(tmp_path, {"proc/meminfo": ""})
    assert read_memory_facts(7, places.proc) == MemoryFacts(0, 0, 0)
    assert read_activity(7, places.proc) is None
    assert read_unshared(7, places.proc) is None


def test_the_cost_of_a_clone_is_its_own_pages_and_its_page_tables(tmp_path: Path) -> None:
    """Both in kB there, in bytes here."""
    assert read_unshared(7, make_places(tmp_path, _files(1)).proc) == (64 + 32 + 512) << 10


def test_cpu_time_is_read_exactly_where_the_kernel_counts_it(tmp_path: Path) -> None:
    """Of all threads; else in ticks."""
    fields = ["S", "1", "1", "1", "0", "-1", "0", "55", "0", "0", "0", "3", "4", *["0"] * 10]
    files: dict[str, str | int] = {"proc/7/stat": f"7 (a) b) {' '.join(fields)}\n"}
    ticks = read_activity(7, make_places(tmp_path, files).proc)
    assert ticks is not None
    assert (ticks.cpu_ns, ticks.minor_faults) == (70_000_000, 55)
    files |= {"proc/7/task/7/schedstat": "5000 1 1\n", "proc/7/task/8/schedstat": "70 1 1\n"}
    exact = read_activity(7, make_places(tmp_path, files).proc)
    assert exact is not None
    assert exact.cpu_ns == 5070
