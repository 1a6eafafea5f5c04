"""Ten thousand damaged files, a quarter of them in every run: an error each, and never more memory than a small file may ask for."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest

from heapscope.errors import SnapshotFileError
from heapscope.snapshot import layout
from heapscope.snapshot.contents import TypeTable
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.layout import BLOCK_ENTRY, Encoding
from heapscope.snapshot.opening import SnapshotFile
from tests.support.examples import rounds
from tests.support.snapshot_files import Made, assemble, large_snapshot, taken_apart

MUTATIONS = rounds(2_500, 10_000)
SEALED = rounds(1_250, 5_000)  # more of them, with right checksums
PARTS = 4  # a test each
MEMORY = layout.FREE_RAW_SIZE + (1 << 24)


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    """A file with something in every section."""
    save_snapshot(large_snapshot(60, type_count=4), tmp_path / "good")
    return (tmp_path / "good").read_bytes()


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Damage a file somewhere, somehow."""
    bad = bytearray(data)
    place = chance.randrange(len(bad))
    length = min(chance.choice([1, 1, 1, 2, 4, 8, 64, 1000]), len(bad) - place)
    kind = chance.randrange(6)
    if kind == 0:
        bad[place] ^= 1 << chance.randrange(8)
    elif kind == 1:
        bad[place : place + length] = chance.randbytes(length)
    elif kind == 2:
        bad[place : place + length] = chance.choice([b"\0", b"\xff", b"\x7f"]) * length
    elif kind == 3:
        del bad[place : place + length]
    elif kind == 4:
        bad[place:place] = chance.randbytes(length)
    else:
        other = chance.randrange(len(bad))
        bad[place : place + length] = bad[other : other + length]
    return bytes(bad)


def sealed(sections: dict[str, Made], chance: random.Random) -> bytes:
    """Damage sections and their stated sizes, then make every checksum right: only what they mean can tell."""
    made = dict(sections)
    for name in chance.sample(sorted(made), chance.choice([1, 1, 2])):
        encoding, item_size, raw_size, stored, _ = made[name]
        if stored:
            stored = mutate(stored, chance)
        if chance.random() < 0.3:
            raw_size = chance.choice([0, 8, raw_size + 8, raw_size * 2, 1 << 22, 1 << 33])
        if encoding == Encoding.BLOCKS:
            made[name] = (encoding, item_size, raw_size, *sealed_blocks(stored, raw_size, item_size))
        else:
            made[name] = (encoding, item_size, len(stored) if encoding == Encoding.RAW else raw_size, stored, 0)
            made[name] = (*made[name][:4], zlib.crc32(stored))
    return assemble(made)


def sealed_blocks(stored: bytes, raw_size: int, item_size: int) -> tuple[bytes, int]:
    """Make the checksums of a column right, as far as its index still describes blocks."""
    count = -(-(raw_size // item_size) // layout.BLOCK_VALUES)
    size = min(count * BLOCK_ENTRY.size, len(stored) // BLOCK_ENTRY.size * BLOCK_ENTRY.size)
    body, index = stored[: len(stored) - size], b""
    place = 0
    for fields in BLOCK_ENTRY.iter_unpack(stored[len(stored) - size :]):
        length = fields[0] if count > 1 else len(body)
        index += BLOCK_ENTRY.pack(length, zlib.crc32(body[place : place + length]), *fields[2:])
        place += length
    return body + index, zlib.crc32(index)


def overwrite(path: Path, data: bytes) -> None:
    """Replace what a file holds. Not by ``write_bytes``: some file systems sync what was emptied before."""
    with path.open("r+b") as stream:
        stream.write(data)
        stream.truncate()


def assert_types_are_right_or_refused(path: Path, good: TypeTable) -> None:
    """Open a file in part: damage elsewhere may go unnoticed, but what is given is what was saved."""
    with contextlib.suppress(SnapshotFileError), SnapshotFile(path) as file:
        table = file.type_table
        assert table.types == good.types
        assert [column.tolist() for column in table.columns] == [column.tolist() for column in good.columns]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files_are_refused(tmp_path: Path, good: bytes, part: int) -> None:
    """Every one is noticed by a checksum or a size."""
    chance = random.Random(20 + part)
    path = tmp_path / "bad"
    path.touch()
    with SnapshotFile(tmp_path / "good") as file:
        types = file.type_table
    tracemalloc.start()
    try:
        tried = 0
        while tried < MUTATIONS // PARTS:
            bad = mutate(good, chance)
            if bad == good:
                continue
            tried += 1
            overwrite(path, bad)
            with pytest.raises(SnapshotFileError):
                load_snapshot(path)
            assert_types_are_right_or_refused(path, types)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_damaged_files_with_right_checksums_do_no_harm(tmp_path: Path, good: bytes) -> None:
    """More of them: refused, or a snapshot that agrees with itself; nothing else is raised."""
    chance = random.Random(30)
    path = tmp_path / "bad"
    path.touch()
    sections = taken_apart(good)
    refused = 0
    tracemalloc.start()
    try:
        for _ in range(SEALED):
            overwrite(path, sealed(sections, chance))
            with contextlib.suppress(SnapshotFileError):
                snapshot = load_snapshot(path)
                assert int(snapshot.reference_offsets[-1]) == snapshot.reference_count
                assert not snapshot.reference_count or int(snapshot.reference_targets.max()) < snapshot.object_count
                codes = snapshot.codes
                assert not codes.names or int(codes.objects.max()) < snapshot.object_count
                assert not codes.names or int(codes.file.max()) < len(codes.files)
                assert not snapshot.object_count or int(snapshot.type_index.max()) < len(snapshot.types)
                continue
            refused += 1
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert SEALED // 2 < refused < SEALED
