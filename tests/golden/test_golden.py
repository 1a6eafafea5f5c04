"""Golden files: what older versions wrote is still read, with the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.layout import FORMAT_VERSION
from heapscope.snapshot.model import COLUMN_TYPES, SnapshotMeta
from heapscope.wire.frames import FrameError, FrameReader
from heapscope.wire.protocol import PROTOCOL_VERSION
from tests.golden import reader_v2
from tests.golden.make import FOLDER, golden_snapshot, rows_of, wire_bytes

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


def test_a_file_of_this_version_is_readable_by_the_reader_that_came_with_it(tmp_path: Path) -> None:
    """Not only the golden one: a newer heapscope may add sections, but not change what version 2 says."""
    path = tmp_path / "new.heapscope"
    save_snapshot(golden_snapshot(), path)
    for data in (path.read_bytes(), (FOLDER / "snapshot-v2.heapscope").read_bytes()):
        found, expected = reader_v2.read(data), expected_rows(2)
        assert {name: found[name].tolist() for name in COLUMN_TYPES} == {name: expected[name] for name in COLUMN_TYPES}
        assert [record["name"] for record in found["types"]] == [record["name"] for record in expected["types"]]
        assert found["meta"]["command"] == expected["meta"]["command"]
        assert int(found["type_shallow"].sum()) == sum(expected["shallow"])
        assert found["root_objects"].tolist() == [root["object_index"] % (1 << 32) for root in expected["roots"]]


def test_the_wire_bytes_are_the_golden_ones() -> None:
    """A change here needs a new PROTOCOL_VERSION."""
    assert wire_bytes() == WIRE.read_bytes()


def test_golden_wire_bytes_build_the_golden_rows() -> None:
    """The reading side agrees, byte by byte as they may come."""
    reader, builder = FrameReader(), SnapshotBuilder()
    for byte in WIRE.read_bytes():
        for kind, payload in reader.feed(bytes((byte,))):
            builder.feed(kind, payload)
    reader.close()
    expected = json.loads(WIRE.with_suffix(".json").read_text(encoding="ascii"))
    assert only_known(rows_of(builder.build(SnapshotMeta())), expected) == expected


@pytest.mark.parametrize("path", sorted(set(FOLDER.glob("capture-v*.wire")) - {WIRE}), ids=lambda path: path.stem)
def test_a_stream_of_another_protocol_version_is_refused(path: Path) -> None:
    """Both sides come from one installation: nothing is read that may mean something else."""
    with pytest.raises(FrameError, match="another version"):
        FrameReader().feed(path.read_bytes())
