"""The figures of a process's memory in a file: what was written is read, and nothing else is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.memory_record import memory_record, parse_memory
from heapscope.snapshot.opening import SnapshotFile
from heapscope.snapshot.records import RecordError
from tests.golden import reader_v2
from tests.support.heap import Heap
from tests.support.memory import FACTS


def test_a_file_keeps_the_figures(tmp_path: Path) -> None:
    """As an optional section, which the reader of the version before passes over."""
    snapshot = replace(Heap().snapshot(), memory=FACTS)
    save_snapshot(snapshot, tmp_path / "with.heapscope")
    save_snapshot(replace(snapshot, memory=None), tmp_path / "without.heapscope")
    assert load_snapshot(tmp_path / "with.heapscope").memory == FACTS
    assert load_snapshot(tmp_path / "without.heapscope").memory is None
    reader_v2.read((tmp_path / "with.heapscope").read_bytes())
    with SnapshotFile(tmp_path / "with.heapscope") as file:
        assert file.memory == FACTS


def test_what_a_later_version_adds_is_passed_over_and_what_an_earlier_one_lacks_is_zero() -> None:
    """Neither is an error."""
    record = json.loads(json.dumps(memory_record(FACTS)))
    record["new"] = record["malloc"]["new"] = 7
    assert parse_memory(record) == FACTS
    assert parse_memory({"rss_bytes": 5}).rss_bytes == 5
    assert parse_memory({}).malloc is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rss_bytes",), -1),
        (("rss_bytes",), 1.5),
        (("rss_bytes",), True),
        (("limit_bytes",), "1"),
        (("malloc",), []),
        (("malloc", "free_bytes"), 1 << 63),
        (("pymalloc", "classes"), [{"pools": None}]),
        (("pymalloc", "classes"), [{}] * 100),
        (("allocator",), 3),
        (("mappings",), {}),
        (("images",), [[1, 2, 3]]),
        (("warnings",), ["x"] * 1000),
    ],
)
def test_nonsense_is_refused(path: tuple[str, ...], value: object) -> None:
    """A file may be anybody's."""
    record: dict[str, Any] = json.loads(json.dumps(memory_record(FACTS)))
    place: Any = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(RecordError):
        parse_memory(record)


def test_texts_are_bounded_and_cleaned() -> None:
    """Paths are the target's words."""
    record: dict[str, Any] = json.loads(json.dumps(memory_record(FACTS)))
    record["mappings"][0]["path"] = "/tmp/\x1b[2J" + "x" * 5000
    shown = parse_memory(record).mappings[0].path
    assert "\x1b" not in shown
    assert len(shown) <= 512
