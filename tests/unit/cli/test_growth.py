"""``heapscope growth`` on two files: what JSON and the table say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heapscope.cli.main import main
from heapscope.snapshot.file import save_snapshot
from heapscope.snapshot.model import SnapshotMeta
from heapscope.wire.protocol import DictState
from tests.support.heap import Heap, instances_record


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Write a snapshot before and one after a class got slots; a second object came."""
    paths = []
    for number, (count, state, each) in enumerate([(1, DictState.VALUES, 96), (2, DictState.NONE, 64)]):
        heap = Heap()
        for _ in range(count):
            heap.object("app.Item", size=56)
        facts = instances_record(heap.type("app.Item"), count, states={state: [count, each * count, each * count]})
        heap.instances.append(facts)
        path = tmp_path / f"{number}.heapscope"
        save_snapshot(heap.snapshot(SnapshotMeta(pid=3, captured_at=60.0 * number)), path)
        paths.append(str(path))
    return paths


def test_json_has_whole_numbers_before_and_after(files: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Keys and figures are a contract."""
    assert main(["growth", *files, "--format", "json"]) == 0
    assert json.loads(capfdbinary.readouterr().out) == [
        {
            "type": "app.Item",
            "count_before": 1,
            "count_after": 2,
            "count_delta": 1,
            "new": 1,
            "gone": 0,
            "shallow_before_bytes": 56,
            "shallow_after_bytes": 112,
            "shallow_delta_bytes": 56,
            "per_minute_bytes": 56,
            "instance_before_bytes": 96,
            "instance_after_bytes": 64,
        }
    ]


def test_the_table_shows_what_an_instance_costs_on_either_side(
    files: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Changes carry their sign."""
    assert main(["growth", *files]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "96 -> 64" in out
    assert "+56" in out
