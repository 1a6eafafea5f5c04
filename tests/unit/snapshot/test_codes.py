"""Where code was written: what the stream may say of it, and that a file keeps it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from heapscope.errors import CaptureInconsistent, SnapshotFileError
from heapscope.snapshot import codes as codes_module
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import NO_CODES, CodeTable, Snapshot
from heapscope.wire.protocol import MAX_NAME, MAX_PATH, PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.golden import reader_v2
from tests.support.heap import Heap, codes_payload
from tests.support.snapshot_files import Made, assemble, column, taken_apart, zipped

CODE_SECTIONS = ("codes", "code_object", "code_line", "code_file")


def heap_with_code() -> Heap:
    """Three code objects of two files among other objects; their places come in another order."""
    heap = Heap()
    heap.code("app.py", 3, "run")
    heap.object()
    heap.code("caf\u00e9.py", 0, "Thing.<lambda>")
    heap.code("app.py", 70_000, "run.<locals>.\u0416")
    heap.codes.reverse()
    return heap


def rows(table: CodeTable) -> list[tuple[int, str, int, str]]:
    """Return (object, file, line, name) of every entry."""
    files = [table.files[number] for number in table.file.tolist()]
    return list(zip(table.objects.tolist(), files, table.first_line.tolist(), table.names, strict=True))


EXPECTED = [
    (0, "app.py", 3, "run"),
    (2, "caf\u00e9.py", 0, "Thing.<lambda>"),
    (3, "app.py", 70_000, "run.<locals>.\u0416"),
]


@pytest.fixture
def sections(tmp_path: Path) -> dict[str, Made]:
    """The sections of a good file."""
    save_snapshot(heap_with_code().snapshot(), tmp_path / "good.heapscope")
    return taken_apart((tmp_path / "good.heapscope").read_bytes())


def test_places_of_code_survive_a_file(tmp_path: Path) -> None:
    """By object index, ascending, whatever the order in the stream was; read-only."""
    snapshot = heap_with_code().snapshot()
    save_snapshot(snapshot, tmp_path / "x.heapscope")
    for each in (snapshot, load_snapshot(tmp_path / "x.heapscope")):
        assert rows(each.codes) == EXPECTED
        assert len(each.codes.files) == 2
        assert not any(made.flags.writeable for made in (each.codes.objects, each.codes.first_line, each.codes.file))


def test_a_stream_may_name_files_in_several_frames() -> None:
    """Numbers of files live as long as the stream."""
    heap = heap_with_code()
    builder = SnapshotBuilder()
    for kind, payload in heap.frames():
        if kind != Kind.CODES:
            builder.feed(kind, payload)
            continue
        first = codes_payload(heap.codes[:1])
        builder.feed(kind, first)
        for address, _, line, name in heap.codes[1:]:
            text, file = name.encode(), int(name.startswith("Thing"))
            path = b"\x08\0caf\xc3\xa9.py" if file else b""
            builder.feed(kind, struct.pack("<QIIH", address, line, file, len(text)) + text + path)
    assert rows(builder.build(heap.snapshot().meta).codes) == EXPECTED


def test_a_snapshot_without_code_has_no_such_sections(tmp_path: Path) -> None:
    """As files of an older heapscope."""
    heap = Heap()
    heap.object()
    save_snapshot(heap.snapshot(), tmp_path / "x.heapscope")
    assert not taken_apart((tmp_path / "x.heapscope").read_bytes()).keys() & set(CODE_SECTIONS)
    assert load_snapshot(tmp_path / "x.heapscope").codes is NO_CODES


def test_a_file_without_the_sections_opens(tmp_path: Path, sections: dict[str, Made]) -> None:
    """All four are absent, or all are there."""
    (tmp_path / "x").write_bytes(assemble({name: made for name, made in sections.items() if name not in CODE_SECTIONS}))
    assert load_snapshot(tmp_path / "x").codes is NO_CODES
    for name in CODE_SECTIONS:
        (tmp_path / "x").write_bytes(assemble({other: made for other, made in sections.items() if other != name}))
        with pytest.raises(SnapshotFileError, match="missing"):
            load_snapshot(tmp_path / "x")


def test_the_first_reader_of_this_version_is_not_disturbed(tmp_path: Path) -> None:
    """It does not know the sections."""
    snapshot = heap_with_code().snapshot()
    save_snapshot(snapshot, tmp_path / "x.heapscope")
    assert reader_v2.read((tmp_path / "x.heapscope").read_bytes())["address"].tolist() == snapshot.address.tolist()


def test_the_numbers_take_little_room(tmp_path: Path) -> None:
    """Sixty thousand code objects of a thousand files: a few bytes each, names apart."""
    heap = Heap()
    heap.code("app.py", 1, "run")
    snapshot = heap.snapshot()
    count = 60_000
    address = np.arange(3 * count, dtype=np.uint64) * np.uint64(16) + np.uint64(4096)
    wide = {
        name: np.resize(getattr(snapshot, name), 3 * count)
        for name in ("type_index", "shallow", "allocated", "refcount")
    }
    wide |= {name: np.resize(getattr(snapshot, name), 3 * count) for name in ("length", "flags", "fingerprint")}
    numbers = np.arange(count, dtype=np.uint32)
    codes = CodeTable(3 * numbers, numbers * 7 % 900, numbers // 60, ("f",) * count, tuple(map(str, range(1000))))
    offsets = np.zeros(3 * count + 1, dtype=np.uint64)
    made = Snapshot(
        snapshot.meta,
        snapshot.types,
        (),
        (),
        address,
        **wide,
        reference_offsets=offsets,
        reference_targets=snapshot.reference_targets,
        codes=codes,
    )
    save_snapshot(made, tmp_path / "x.heapscope")
    found = taken_apart((tmp_path / "x.heapscope").read_bytes())
    assert sum(len(found[name][3]) for name in CODE_SECTIONS[1:]) < 3 * count
    assert rows(load_snapshot(tmp_path / "x.heapscope").codes) == rows(codes)


def item(line: int = 1, file: int = 0, name: bytes = b"f", path: bytes | None = b"a.py") -> bytes:
    """Encode one place."""
    made = struct.pack("<QIIH", 16, line, file, len(name)) + name
    return made if path is None else made + struct.pack("<H", len(path)) + path


@pytest.mark.parametrize(
    "payload",
    [
        b"x",
        item()[:17],
        item(path=None),
        item(path=None) + b"\x09",
        item(path=b"short")[:-1],
        struct.pack("<QIIH", 16, 1, 0, 9) + b"short",
        struct.pack("<QIIH", 16, 1, 0, 1) + b"f" + struct.pack("<H", 9) + b"short",
        item(name=b"\xff"),
        item(path=b"\xed\xb2\x80"),
        item(name=b"x" * (MAX_NAME + 1)),
        item(path=b"x" * (MAX_PATH + 1)),
        item(line=1 << 31),
        item(file=1),
        item() + item(file=2, path=None),
        item() + item(file=0xFFFFFFFF, path=None),
    ],
)
def test_places_that_make_no_sense_are_inconsistent(payload: bytes) -> None:
    """Cut off, too long, no UTF-8, files that were not named."""
    builder = SnapshotBuilder()
    builder.feed(Kind.HELLO, encode_value({"protocol": PROTOCOL_VERSION}))
    with pytest.raises(CaptureInconsistent):
        builder.feed(Kind.CODES, payload)


def test_one_code_object_in_two_places_is_inconsistent() -> None:
    """Neither is believed."""
    heap = heap_with_code()
    heap.codes.append(heap.codes[0])
    with pytest.raises(CaptureInconsistent, match="two places"):
        heap.snapshot()


def test_code_that_was_not_recorded_is_left_out() -> None:
    """An address that is no object."""
    heap = heap_with_code()
    heap.codes.append((0x1230, "stray.py", 1, "stray"))
    assert rows(heap.snapshot().codes) == EXPECTED


def test_too_much_code_is_inconsistent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walkers leave out what exceeds the limits, and say so."""
    for name in ("MAX_CODES", "MAX_CODE_FILES"):
        with monkeypatch.context() as patch:
            patch.setattr(codes_module, name, 1)
            with pytest.raises(CaptureInconsistent, match="too many"):
                heap_with_code().snapshot()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("code_object", [0, 2]),
        ("code_object", [0, 2, 2]),
        ("code_object", [2, 0, 3]),
        ("code_object", [0, 2, 4]),
        ("code_line", [1, 2, 1 << 31]),
        ("code_line", []),
        ("code_file", [0, 1, 2]),
    ],
)
def test_columns_that_make_no_sense_are_refused(
    tmp_path: Path, sections: dict[str, Made], name: str, values: list[int]
) -> None:
    """Numbers of nothing, twice, in disorder, too few."""
    (tmp_path / "x").write_bytes(assemble(sections | {name: column(np.array(values, dtype="<u4"))}))
    with pytest.raises(SnapshotFileError):
        load_snapshot(tmp_path / "x")


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"names": ["a", "b", "c"]},
        {"names": ["a", "b"], "files": ["x", "y"]},
        {"names": ["a", "b", 3], "files": ["x", "y"]},
        {"names": ["a", "b", "c" * (MAX_NAME + 1)], "files": ["x", "y"]},
        {"names": ["a", "b", "c"], "files": ["x", "y" * (MAX_PATH + 1)]},
        {"names": ["a", "b", "c"], "files": ["x"]},
        {"names": ["a", "b", "c"], "files": "xy"},
    ],
)
def test_texts_that_make_no_sense_are_refused(tmp_path: Path, sections: dict[str, Made], value: object) -> None:
    """Of another form, too long, too few."""
    (tmp_path / "x").write_bytes(assemble(sections | {"codes": zipped(json.dumps(value).encode())}))
    with pytest.raises(SnapshotFileError):
        load_snapshot(tmp_path / "x")
