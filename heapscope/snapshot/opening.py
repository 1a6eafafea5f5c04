"""A snapshot file that is open: what it holds is read when it is asked for, and checked before it is given.

Never changes the file, and never keeps a column: whoever asks for one again waits again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Self, TypeVar

import numpy as np

from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot import contents
from heapscope.snapshot.addresses import AddressIndex
from heapscope.snapshot.contents import COMPARED_WITH, Column, ContentsError, TypeTable, transform_of
from heapscope.snapshot.failures import raising_file_errors
from heapscope.snapshot.joining import resolve_roots
from heapscope.snapshot.layout import Encoding, Transform
from heapscope.snapshot.memory import MemoryFacts
from heapscope.snapshot.model import COLUMN_TYPES, NO_CODES, CodeTable, Naming, Root, Snapshot, SnapshotMeta, TypeInfo
from heapscope.snapshot.reader import Against, Run, SectionReader
from heapscope.snapshot.transforms import referring_objects

THREADS = 2
_SUMMED = ("type_index", "shallow", "allocated")
_READ = frozenset(
    {
        *(*contents.RECORD_SECTIONS, contents.NAMING, contents.CACHES, contents.MEMORY),
        *(contents.CODES, *contents.CODE_COLUMNS, *contents.TYPE_COLUMNS, contents.ROOT_OBJECTS, *COLUMN_TYPES),
    }
)
Record = TypeVar("Record")
_U64 = np.dtype("<u8")
_U32 = np.dtype("<u4")


class SnapshotFile:
    """A snapshot file, open for reading; a context manager. Safe to share between threads until it is closed.

    Opening reads the header only. Everything else does blocking I/O when asked for and raises SnapshotFileError.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file. Raises SnapshotFileError."""
        self.path = os.fspath(path)
        self._descriptor = -1
        with raising_file_errors(self.path):
            # Not waiting for the writer of a named pipe: what is no regular file is refused.
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                self._reader = SectionReader(self._descriptor)
                self._check_counts()
            except BaseException:
                self.close()
                raise

    def _check_counts(self) -> None:
        counts = {
            name: self._reader.value_count(name, dtype)
            for name, dtype in COLUMN_TYPES.items()
            if name in self._reader.sections
        }
        contents.check_counts(counts)
        self._object_count = counts.get("address", 0)
        self._reference_count = counts.get("reference_targets", 0)

    def close(self) -> None:
        """Close the file; arrays and records that it gave stay valid."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def format_version(self) -> int:
        """The version of the file's format."""
        return self._reader.version

    @property
    def object_count(self) -> int:
        """How many objects it has, by its section table."""
        return self._object_count

    @property
    def reference_count(self) -> int:
        """How many references between recorded objects it has, by its section table."""
        return self._reference_count

    def stored_size(self, name: str) -> int:
        """How many bytes of the file a section takes, 0 if it is not there."""
        section = self._reader.sections.get(name)
        return section.stored_size if section is not None else 0

    @cached_property
    def _meta(self) -> contents.Meta:
        with raising_file_errors(self.path):
            return contents.decode_meta(self._records("meta"))

    @property
    def meta(self) -> SnapshotMeta:
        """Where, when and how it was captured."""
        return self._meta.meta

    @property
    def dangling_reference_count(self) -> int:
        """How many references to objects that were not recorded were dropped."""
        return self._meta.dangling_reference_count

    @cached_property
    def memory(self) -> MemoryFacts | None:
        """Where the memory of the process was; None if the file does not say."""
        if contents.MEMORY not in self._reader.sections:
            return None
        with raising_file_errors(self.path):
            return contents.decode_memory(self._records(contents.MEMORY))

    @cached_property
    def types(self) -> tuple[TypeInfo, ...]:
        """The type objects."""
        with raising_file_errors(self.path):
            return contents.decode_types(self._records("types"))

    @cached_property
    def type_table(self) -> TypeTable:
        """The types with the number of their objects and the sums of the objects' sizes, in bytes.

        Read from sums that are in the file: time O(types), whatever the number of objects. A file of format version 1 has
        no such sums; its columns are read, and they are computed.
        """
        with raising_file_errors(self.path):
            if all(name in self._reader.sections for name in contents.TYPE_COLUMNS):
                sums = [
                    self._reader.read_column(name, _U64, Transform.PLAIN, _nothing, _run_here)
                    for name in contents.TYPE_COLUMNS
                ]
                table = TypeTable(self.types, *sums)
            else:
                table = contents.sum_by_type(self.types, *map(self.column, _SUMMED))
            contents.check_type_table(table, self._object_count)
            return table

    def column(self, name: str) -> Column:
        """Read one column of COLUMN_TYPES: an array of the model's type, read-only.

        Time O(its values); memory for it and for what it is compared with in the file. Raises KeyError for other names.
        """
        if name not in COLUMN_TYPES:
            raise KeyError(name)
        with raising_file_errors(self.path), _pool() as run:
            column = self._column(name, run, {})
            column.setflags(write=False)
            return column

    def load(self, oversight: Oversight = UNWATCHED) -> Snapshot:
        """Read all of it into a snapshot, and check that it agrees with itself.

        ``oversight`` is asked before every block, and told the share read. Raises Cancelled.
        """
        with raising_file_errors(self.path), _pool(self._watched(oversight)) as run:
            columns: dict[str, Column] = {}
            # What others are compared with comes first.
            for name in sorted(COLUMN_TYPES, key=COMPARED_WITH.__contains__):
                oversight.check()
                columns[name] = self._column(name, run, columns)
            self._check_others(columns, oversight)
            return Snapshot(
                meta=self.meta,
                types=self.types,
                instances=contents.decode_instances(self._records("instances")),
                roots=self._roots(columns["address"]),
                dangling_reference_count=self.dangling_reference_count,
                naming=self._optional(contents.NAMING, contents.decode_naming, Naming()),
                codes=self._codes(),
                caches=self._optional(contents.CACHES, contents.decode_caches, ()),
                memory=self.memory,
                **columns,
            )

    def _watched(self, oversight: Oversight) -> Callable[[], None]:
        """Give what is to be called after every block that was read."""
        found = (self._reader.sections.get(name) for name in COLUMN_TYPES)
        columns = [section for section in found if section is not None and section.encoding == Encoding.BLOCKS]
        total = max(1, sum(section.block_count for section in columns))
        done = itertools.count(1)

        def note() -> None:
            oversight.check()
            oversight.report(min(1.0, next(done) / total))

        return note

    def _check_others(self, columns: Mapping[str, Column], oversight: Oversight) -> None:
        """Check what is in the file besides the snapshot: the sums per type, and sections of later versions."""
        for name in self._reader.sections.keys() - _READ:
            self._reader.check(name)
        if self._reader.version > 1:
            table = contents.sum_by_type(self.types, *(columns[name] for name in _SUMMED), oversight=oversight)
            contents.check_same_sums(self.type_table, table)

    def _optional(self, name: str, decode: Callable[[bytes, int], Record], absent: Record) -> Record:
        if name not in self._reader.sections:
            return absent
        return decode(self._records(name), self._object_count)

    def _codes(self) -> CodeTable:
        if not {contents.CODES, *contents.CODE_COLUMNS} & self._reader.sections.keys():
            return NO_CODES
        columns = [
            self._reader.read_column(name, _U32, transform_of(name), _nothing, _run_here)
            for name in contents.CODE_COLUMNS
        ]
        return contents.decode_codes(self._records(contents.CODES), columns, self._object_count)

    def _records(self, name: str) -> bytes:
        return self._reader.read_bytes(name, contents.MAX_RECORDS_SIZE)

    def _column(self, name: str, run: Run, known: Mapping[str, Column]) -> Column:
        if name not in self._reader.sections:
            return contents.absent_column(name, self._object_count)
        against = self._against(name, run, known)
        column = self._reader.read_column(name, COLUMN_TYPES[name], transform_of(name), against, run)
        contents.check_column(
            name,
            column,
            object_count=self._object_count,
            reference_count=self._reference_count,
            type_count=len(self.types) if name == "type_index" else 0,
        )
        return column

    def _against(self, name: str, run: Run, known: Mapping[str, Column]) -> Against:
        other_name = COMPARED_WITH.get(name)
        if other_name is None:
            return _nothing
        other = known[other_name] if other_name in known else self._column(other_name, run, known)
        if name == "reference_targets":
            return lambda start, stop: referring_objects(other, start, stop)
        return lambda start, stop: other[start:stop]

    def _roots(self, address: Column) -> tuple[Root, ...]:
        roots = contents.decode_roots(self._records("roots"))
        if self._reader.version == 1:
            try:
                return resolve_roots(roots, AddressIndex(address))
            except ValueError as error:
                raise ContentsError(str(error)) from error
        objects = self._reader.read_column(contents.ROOT_OBJECTS, _U32, Transform.PLAIN, _nothing, _run_here)
        return contents.join_roots(roots, objects, address)


def _nothing(_start: int, _stop: int) -> None:
    return None


def _run_here(function: Callable[[int], None], numbers: range) -> None:
    for number in numbers:
        function(number)


def _no_note() -> None:
    return


@contextlib.contextmanager
def _pool(note: Callable[[], None] = _no_note) -> Iterator[Run]:
    """Give a way to map over blocks with threads: decompression and arithmetic on arrays let other threads run.

    ``note`` is called in the caller's thread for every block that is done; when it raises, no further block is begun.
    """
    with contextlib.ExitStack() as stack:
        pools: list[ThreadPoolExecutor] = []

        def run(function: Callable[[int], None], numbers: range) -> None:
            if len(numbers) < 2:  # small files never start a thread
                _run_here(function, numbers)
                note()
                return
            if not pools:
                threads = min(THREADS, os.cpu_count() or 1)
                pools.append(stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="heapscope-open")))
            try:
                for _ in pools[0].map(function, numbers):
                    note()
            except BaseException:
                pools[0].shutdown(wait=False, cancel_futures=True)
                raise

        yield run
