"""Golden files: what older versions wrote is still read, with the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.file import load_snapshot
from heapscope.snapshot.layout import FORMAT_VERSION
from heapscope.snapshot.model import SnapshotMeta
from heapscope.wire.frames import FrameReader
from heapscope.wire.protocol import PROTOCOL_VERSION
from tests.golden.make import FOLDER, rows_of, wire_bytes

SNAPSHOTS = sorted(FOLDER.glob("snapshot-v*.heapscope"))
WIRE = FOLDER / f"capture-v{PROTOCOL_VERSION}.wire"


def expected_rows(version: int) -> dict[str, Any]:
    """Return what a golden snapshot of a format version holds."""
    rows: dict[str, Any] = json.loads((FOLDER / f"snapshot-v{version}.json").read_text(encoding="ascii"))
    return rows


def only_known(found: Any, expected: Any) -> Any:
    """Leave out of ``found`` what the format did not know when the golden file was made."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {key: only_known(found[key], value) for key, value in expected.items() if key in found}
    if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        return [only_known(*pair) for pair in zip(found, expected, strict=True)]
    return found


def test_there_is_a_golden_snapshot_of_every_format_version() -> None:
    """A new version comes with a file of its own: ``python -m tests.golden.make``."""
    names = [path.name for path in SNAPSHOTS]
    assert names == [f"snapshot-v{version}.heapscope" for version in range(1, FORMAT_VERSION + 1)]


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_golden_snapshot_loads_with_the_same_rows(path: Path) -> None:
    """Every column and every record is what was saved."""
    expected = expected_rows(int(path.stem.rpartition("-v")[2]))
    assert only_known(rows_of(load_snapshot(path)), expected) == expected


def test_the_wire_bytes_are_the_golden_ones() -> None:
    """A change here needs a new PROTOCOL_VERSION."""
    assert wire_bytes() == WIRE.read_bytes()


def test_golden_wire_bytes_build_the_golden_snapshot() -> None:
    """The reading side agrees, byte by byte as they may come."""
    reader, builder = FrameReader(), SnapshotBuilder()
    for byte in WIRE.read_bytes():
        for kind, payload in reader.feed(bytes((byte,))):
            builder.feed(kind, payload)
    reader.close()
    expected = expected_rows(FORMAT_VERSION)
    found = rows_of(builder.build(SnapshotMeta()))
    del expected["meta"], found["meta"]
    assert only_known(found, expected) == expected
