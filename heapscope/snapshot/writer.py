"""Writing a snapshot into an open file: section by section, a few blocks at a time, on two threads.

Never gives the file a name, and never touches the snapshot. What is in memory besides it: a few blocks, and while the
fingerprints are numbered about 13 bytes per object.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np

from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot import blocks, contents, layout
from heapscope.snapshot.codes import code_columns
from heapscope.snapshot.contents import COMPARED_WITH, Column, transform_of
from heapscope.snapshot.fingerprints import number_contents
from heapscope.snapshot.layout import BLOCK_VALUES, Block, Encoding, Section, Transform
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot, U32Array
from heapscope.snapshot.record_json import encode_records
from heapscope.snapshot.transforms import Unsigned, referring_objects

THREADS = 2
_AHEAD = 2 * THREADS  # blocks that may wait to be written: a slow disk must not pile them up

Against = Callable[[int, int], Unsigned | None]
_ZEROS = bytes(1 << 20)


def write_snapshot(snapshot: Snapshot, stream: BinaryIO, oversight: Oversight = UNWATCHED) -> None:
    """Write the whole file from its start.

    Raises OSError, Cancelled, and ValueError if the snapshot is larger than the format allows.
    """
    names = [
        *(*_record_sections(snapshot), *contents.TYPE_COLUMNS, contents.ROOT_OBJECTS),
        *(*(name for name, _ in _code_sections(snapshot)), *COLUMN_TYPES, contents.PADDING),
    ]
    stream.seek(layout.table_end(len(names)))
    threads = min(THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="heapscope-save") as pool:
        writer = _Writer(stream, pool, _Progress(oversight, _value_count(snapshot)))
        try:
            _write_sections(snapshot, writer, oversight)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    writer.pad()
    stream.seek(0)
    stream.write(layout.encode_head(writer.sections))


def _record_sections(snapshot: Snapshot) -> tuple[str, ...]:
    names: tuple[str, ...] = contents.RECORD_SECTIONS
    if snapshot.naming.names or snapshot.naming.shapes:
        names = (*names, contents.NAMING)
    if snapshot.caches:
        names = (*names, contents.CACHES)
    if snapshot.memory is not None:
        names = (*names, contents.MEMORY)
    return (*names, contents.CODES) if snapshot.codes.names else names


def _code_sections(snapshot: Snapshot) -> tuple[tuple[str, U32Array], ...]:
    if not snapshot.codes.names:
        return ()
    return tuple(zip(contents.CODE_COLUMNS, code_columns(snapshot.codes), strict=True))


def _value_count(snapshot: Snapshot) -> int:
    return sum(int(getattr(snapshot, name).size) for name in COLUMN_TYPES)


class _Progress:
    """Counts values written, and lets whoever watches give up before each block. Used from the writing thread only."""

    def __init__(self, oversight: Oversight, total: int) -> None:
        self._oversight = oversight
        self._total = max(1, total)
        self._done = 0

    def add(self, count: int) -> None:
        """Note that values were written. Raises Cancelled."""
        self._oversight.check()
        self._done += count
        self._oversight.report(min(1.0, self._done / self._total))


def _write_sections(snapshot: Snapshot, writer: _Writer, oversight: Oversight) -> None:
    # Asked for first, needed last: numbering runs on one thread while the other encodes.
    numbered = writer.pool.submit(_numbered, snapshot, Oversight(oversight.is_cancelled))
    for name in _record_sections(snapshot):
        oversight.check()
        writer.add_records(name, encode_records(snapshot, name, oversight))
    summed = snapshot.type_index, snapshot.shallow, snapshot.allocated
    table = contents.sum_by_type(snapshot.types, *summed, oversight=oversight)
    for name, column in zip(contents.TYPE_COLUMNS, table.columns, strict=True):
        writer.add_column(name, column, Transform.PLAIN, _nothing)
    writer.add_column(contents.ROOT_OBJECTS, contents.encode_root_objects(snapshot), Transform.PLAIN, _nothing)
    for name, numbers in _code_sections(snapshot):
        writer.add_column(name, numbers, transform_of(name), _nothing)
    for name in sorted(COLUMN_TYPES, key="fingerprint".__eq__):
        if transform_of(name) == Transform.FIRST_SEEN:
            numbers = numbered.result()
            writer.add_column(name, numbers, Transform.FIRST_SEEN, _counted(numbers))
        else:
            writer.add_column(name, getattr(snapshot, name), transform_of(name), _against(snapshot, name))


def _nothing(_start: int, _stop: int) -> None:
    return None


def _numbered(snapshot: Snapshot, oversight: Oversight) -> U32Array:
    fingerprint = getattr(snapshot, "fingerprint", None)
    found = fingerprint if fingerprint is not None else np.zeros(0, dtype=np.uint64)
    return number_contents(found, oversight=oversight)


def _counted(numbers: U32Array) -> Against:
    """Give what FIRST_SEEN needs: how many numbers appeared before a block."""
    starts = np.arange(0, numbers.size, BLOCK_VALUES)
    highest = np.maximum.accumulate(np.maximum.reduceat(numbers, starts)) if numbers.size else numbers
    before = np.concatenate(([0], highest)).astype(np.uint64)
    return lambda start, _stop: before[start // BLOCK_VALUES :][:1]


def _against(snapshot: Snapshot, name: str) -> Against:
    if name not in COMPARED_WITH:
        return _nothing
    other: Column = getattr(snapshot, COMPARED_WITH[name])
    if name == "reference_targets":
        return lambda start, stop: referring_objects(other, start, stop)
    return lambda start, stop: other[start:stop]


class _Writer:
    """Adds sections to a stream, one behind the other. ``pool`` is the caller's."""

    def __init__(self, stream: BinaryIO, pool: ThreadPoolExecutor, progress: _Progress) -> None:
        self._stream = stream
        self._progress = progress
        self.pool = pool
        self.sections: list[Section] = []

    def add_records(self, name: str, raw: bytes) -> None:
        """Add a compressed section."""
        stored = blocks.compress(raw)
        offset = self._stream.tell()
        self._stream.write(stored)
        checksum = layout.crc32(stored)
        self.sections.append(Section(name, Encoding.ZSTD, offset, len(stored), len(raw), checksum))

    def add_column(self, name: str, column: Column, transform: Transform, against: Against) -> None:
        """Add a column as blocks and their index."""
        # The numbers of contents are u32 in memory, and u64 in the file as in the model.
        dtype = COLUMN_TYPES.get(name, column.dtype)
        offset = self._stream.tell()
        index = bytearray()
        for block, stored in self._encoded(column, dtype, transform, against):
            index += layout.encode_block(block)
            self._stream.write(stored)
            self._progress.add(min(BLOCK_VALUES, column.size))
        self._stream.write(index)
        size = self._stream.tell() - offset
        raw_size = column.size * dtype.itemsize
        checksum = layout.crc32(index)
        self.sections.append(Section(name, Encoding.BLOCKS, offset, size, raw_size, checksum, dtype.itemsize))

    def _encoded(
        self, column: Column, dtype: np.dtype[Any], transform: Transform, against: Against
    ) -> Iterator[tuple[Block, bytes]]:
        def encode(start: int) -> tuple[Block, bytes]:
            stop = min(start + BLOCK_VALUES, column.size)
            values = column[start:stop].astype(dtype, copy=False)
            return blocks.encode_block(values, transform, against(start, stop))

        waiting: deque[Future[tuple[Block, bytes]]] = deque()
        for start in range(0, column.size, BLOCK_VALUES):
            waiting.append(self.pool.submit(encode, start))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def pad(self) -> None:
        """Add zeros if the sections compressed better than readers believe."""
        raw_size = sum(section.raw_size for section in self.sections)
        offset = self._stream.tell()
        size = 0
        checksum = 0
        while layout.expands_too_much(raw_size + size, offset + size, layout.MAX_EXPANSION):
            self._stream.write(_ZEROS)
            checksum = layout.crc32(_ZEROS, checksum)
            size += len(_ZEROS)
        self.sections.append(Section(contents.PADDING, Encoding.RAW, offset, size, size, checksum))
