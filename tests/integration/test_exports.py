"""Exports of real processes, read by the programs that they are for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import heapscope
from heapscope.service.exporting import ExportChoice, query_tables, write_export
from heapscope.service.queries import HeapQueries
from scripts.check_heapsnapshot import compare
from tests.support.command_line import run_heapscope
from tests.support.profile_proto import read_profile
from tests.support.pythons import Python
from tests.support.targets import MARKER_TYPE, running, situation_named

TOOLKIT = os.environ.get("HEAPSCOPE_SNAPSHOT_TOOLKIT", "")


@pytest.mark.integration
def test_a_running_process_as_a_profile_and_as_tables(one_python: Python) -> None:
    """The sums of the profile are the heap; SQL counts what the process made."""
    with running(one_python, situation_named("event wait")) as target:
        heap = heapscope.capture(target.pid)
    queries, profile = HeapQueries(heap.snapshot), bytearray()
    write_export(queries, ExportChoice("pprof"), profile.extend)
    stacks = read_profile(bytes(profile))[1]
    assert sum(count for count, _ in stacks.values()) == heap.snapshot.object_count
    assert sum(size for _, size in stacks.values()) == heap.snapshot.heap_bytes
    assert any(stack[0] == "module __main__" for stack in stacks)
    query = f"select count(*) from objects where type = '{MARKER_TYPE}'"
    expected = next(row.count for row in heap.types() if row.type_name == MARKER_TYPE)
    with query_tables(queries, query, memory_bytes=1 << 28) as (_, parts):
        assert next(parts) == [(expected,)]


@pytest.mark.thirdparty
def test_the_developer_tools_of_chrome_agree_on_every_retained_size(one_python: Python, tmp_path: Path) -> None:
    """Their own code loads the file: npm's heap-snapshot-toolkit."""
    if not TOOLKIT or shutil.which("node") is None:
        pytest.skip("needs node, and HEAPSCOPE_SNAPSHOT_TOOLKIT: the path of heap-snapshot-toolkit's index.js")
    with running(one_python, situation_named("event wait")) as target:
        heap = heapscope.capture(target.pid)
    found = compare(HeapQueries(heap.snapshot), TOOLKIT, tmp_path)
    assert found["different"] == 0
    assert found["compared"] == int(heap.snapshot.object_count) - HeapQueries(
        heap.snapshot
    ).roots.garbage_count + 1 + len(HeapQueries(heap.snapshot).roots.threads)


@pytest.mark.thirdparty
def test_go_tool_pprof_reads_a_profile(one_python: Python, tmp_path: Path) -> None:
    """And shows the same sum."""
    pprof = os.environ.get("HEAPSCOPE_GO_PPROF", "")
    if not pprof:
        pytest.skip("HEAPSCOPE_GO_PPROF is not set: the path of Go's pprof tool (Debian: golang)")
    profile = tmp_path / "heap.pb.gz"
    with running(one_python, situation_named("event wait")) as target:
        done = run_heapscope("export", str(target.pid), "--to", "pprof", "-o", str(profile), "--format", "json")
    size = json.loads(done.stdout)["heap_bytes"]
    words = [pprof, "-top", "-unit=B", "-nodefraction=0", str(profile)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"of {size}B total" in said, said[:500]
