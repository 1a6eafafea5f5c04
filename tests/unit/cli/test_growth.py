"""``heapscope growth`` on files: what JSON, the tables and the errors say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heapscope.cli.main import main
from heapscope.cli.options import parse_duration
from heapscope.errors import ExitCode
from heapscope.snapshot.file import save_snapshot
from heapscope.snapshot.model import SnapshotMeta
from heapscope.wire.protocol import DictState
from tests.support.growing_heap import Service
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
    assert main(["growth", *files, "--by", "type", "--format", "json"]) == 0
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
            "rising": 1,
            "steps": 1,
            "count_series": [1, 2],
            "shallow_series_bytes": [56, 112],
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


@pytest.fixture
def series(tmp_path: Path) -> list[str]:
    """Write three snapshots of a registry that grows, a minute apart."""
    paths = []
    for minute in range(3):
        service = Service()
        sessions = service.table([service.blob(1000, "app.Session") for _ in range(10 + 5 * minute)])
        service.module("app", REGISTRY=service.instance("app.Registry", sessions=sessions), LIMIT=service.blob(28))
        path = tmp_path / f"{minute}.heapscope"
        save_snapshot(service.snapshot(minute), path)
        paths.append(str(path))
    return paths


def test_without_by_there_are_both_holders_first(series: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """JSON is one object then; its keys are a contract."""
    assert main(["growth", *series, "--format", "json"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert list(found) == [
        "schema_version",
        "snapshots",
        "seconds",
        "holder_count",
        "type_count",
        "truncated",
        "holders",
        "types",
    ]
    assert (found["seconds"], found["holder_count"], found["truncated"]) == (120.0, 1, False)
    assert [snapshot["captured_at"] for snapshot in found["snapshots"]] == [0.0, 60.0, 120.0]
    assert found["types"][0]["type"] == "app.Session"
    (holder,) = found["holders"]
    address = holder.pop("address")
    assert address.startswith("0x")
    each = 1000 + 32
    assert holder == {
        "holder": "app.REGISTRY.sessions",
        "type": "builtins.dict",
        "held_before_bytes": 64 + 10 * each,
        "held_after_bytes": 64 + 20 * each,
        "held_delta_bytes": 10 * each,
        "per_minute_bytes": 5 * each,
        "rising": 2,
        "steps": 2,
        "held_series_bytes": [64 + count * each for count in (10, 15, 20)],
        "count_before": 10,
        "count_after": 20,
        "count_delta": 10,
        "retained_before_bytes": 64 + 10 * each,
        "retained_after_bytes": 64 + 20 * each,
        "objects": 1,
        "path": [
            {"name": "app", "type": "builtins.module", "root_kind": "module"},
            {"name": ".REGISTRY", "type": "app.Registry", "root_kind": None},
            {"name": ".sessions", "type": "builtins.dict", "root_kind": None},
        ],
    }
    assert main(["paths", series[-1], "--address", address, "--format", "json"]) == 0
    (way,) = json.loads(capfdbinary.readouterr().out)
    assert way["steps"][-1]["address"] == address


def test_tables_and_csv(series: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """One table below the other; CSV has the holders, for two lists are no table; options choose among rows of both."""
    assert main(["growth", *series]) == 0
    out = capfdbinary.readouterr().out.decode()
    holders, types = out.split("\n\n")
    assert "app.REGISTRY.sessions" in holders
    assert "2/2" in holders
    assert "▁▄█" in holders
    assert "app.Session" in types
    assert main(["growth", *series, "--format", "csv"]) == 0
    assert capfdbinary.readouterr().out.decode().splitlines()[1].startswith("app.REGISTRY.sessions,")
    assert main(["growth", *series, "--filter", "!sessions", "--format", "json", "-n", "1"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["holders"], len(found["types"]), found["truncated"]) == ([], 1, True)


@pytest.mark.parametrize(
    "words",
    [
        ["one.heapscope"],
        ["1", "2", "--for", "10s"],
        ["1", "--every", "10s", "2"],
        ["1", "2", "--keep", "folder"],
        ["1", "--for", "10s", "--every", "20s"],
        ["1", "--for", "soon"],
        ["1", "--for", "0s"],
        ["1", "--for", "99999d"],
    ],
)
def test_words_that_make_no_sense_together(words: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Nothing is captured for them."""
    assert main(["growth", *words]) == ExitCode.USAGE
    assert capfdbinary.readouterr().err


def test_durations() -> None:
    """As people write them."""
    texts = ("90", "90s", "10m", "1h30m", "1.5h", "2d", "1h30m10s")
    assert [parse_duration(text) for text in texts] == [90, 90, 600, 5400, 5400, 172800, 5410]


def test_snapshots_out_of_order_are_told(series: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A shell's * may sort otherwise."""
    assert main(["growth", *series[::-1]]) == 0
    assert "order of their times" in capfdbinary.readouterr().err.decode()
