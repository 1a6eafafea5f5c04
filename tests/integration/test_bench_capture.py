"""The benchmark runs on a small heap, its keys stay, and what it says about the target is a verdict on any machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pythons import Python

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = 60_000
KEYS = """
    python python_version objects references collector coverage warnings workloads load_average bare_clone_ns own_gap_ns gap_ns pause_ns
    capture_ns stream_ns host_stream_cpu_ns build_ns host_build_cpu_ns clone_cpu_ns drain_ns stream_bytes to_file_ns
    rss_before_bytes rss_after_bytes rss_change blocks_change dicts_change clone_wrote_bytes
"""


def test_captures_write_nothing_into_target_or_clone(one_python: Python) -> None:
    """Allocated blocks and dicts of the target are as before; the clone wrote no more than it may; every object is there."""
    command = [sys.executable, "scripts/bench_capture.py", "--objects", str(OBJECTS), "--captures", "2"]
    done = subprocess.run(
        [*command, "--collector", "native", "--format", "json", str(one_python.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert set(row) == set(KEYS.split())
    assert row["collector"] == "native-clone"
    assert row["objects"] > OBJECTS * 0.99
    # The ticking thread of the target may hold a number more or less at the instant of counting; a capture that allocated
    # there would leave more than that.
    assert abs(row["blocks_change"]) <= 2
    assert row["dicts_change"] == 0
    assert row["clone_wrote_bytes"] <= row["rss_before_bytes"] * 0.02 + (16 << 20)
