"""Exports of one heap: which writer makes which format from what, and what each needs computed before.

Never opens a file and never shows anything: a front end gives what takes the bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from heapscope.errors import UsageError
from heapscope.exports.heapsnapshot import write_heapsnapshot
from heapscope.exports.holder_paths import merge_paths
from heapscope.exports.pprof import write_dot, write_folded, write_pprof
from heapscope.exports.sql import ask_sql, write_parquet
from heapscope.exports.tables import TABLES, Table, build_table, with_constants
from heapscope.exports.text_tables import write_csv, write_json
from heapscope.service.queries import HeapQueries
from heapscope.units import clean_text

FORMATS = ("json", "csv", "parquet", "pprof", "folded", "heapsnapshot", "dot")
OF_TABLES = ("json", "csv", "parquet")
JSON_TABLES = ("types", "roots", "instances")

Write = Callable[[bytes], object]


@dataclasses.dataclass(frozen=True, slots=True)
class ExportChoice:
    """What to write. ``tables`` empty is the format's own choice; ``path`` is where a Parquet file is, which exists.

    ``constants`` are more columns of every table, the same in every row: where it comes from, among tables of several heaps.
    """

    format: str
    tables: tuple[str, ...] = ()
    of_objects: bool = False
    header: bool = True
    path: str | None = None
    constants: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


def check_choice(choice: ExportChoice) -> None:
    """Find out what makes no sense before anything is captured.

    Raises:
        UsageError: the options do not fit the format.
    """
    if choice.format not in FORMATS:
        raise UsageError(f"{clean_text(choice.format, 40)} is no format", hint=", ".join(FORMATS))
    if choice.tables and choice.format not in OF_TABLES:
        raise UsageError(f"{choice.format} has no tables", hint=f"--table goes with {', '.join(OF_TABLES)}")
    if len(choice.tables) > 1 and choice.format != "json":
        raise UsageError(f"a {choice.format} file holds one table", hint="one --table, or --to json")
    if choice.of_objects and choice.format != "folded":
        raise UsageError("only folded stacks have one value to choose", hint="--to folded")


def write_export(heap: HeapQueries, choice: ExportChoice, write: Write) -> None:
    """Write an export to ``write``; Parquet into the file at ``choice.path``.

    Raises:
        UsageError: the options do not fit the format.
        Cancelled: the watcher of the heap gave up.
    """
    check_choice(choice)
    snapshot, watcher = heap.snapshot, heap.oversight
    if choice.format == "heapsnapshot":
        write_heapsnapshot(snapshot, heap.roots, write, oversight=watcher)
    elif choice.format == "json":
        tables = [_table(heap, name, choice) for name in choice.tables or JSON_TABLES]
        write_json(meta_of(heap), tables, write, watcher)
    elif choice.format in OF_TABLES:
        table = _table(heap, choice.tables[0] if choice.tables else "types", choice)
        if choice.format == "csv":
            write_csv(table, write, watcher, header=choice.header)
        else:
            assert choice.path is not None
            write_parquet(table, choice.path, watcher)
    else:
        paths = merge_paths(heap.tree, oversight=watcher)
        if choice.format == "pprof":
            comment = f"heapscope: {clean_text(snapshot.meta.command, 200)} pid {snapshot.meta.pid}"
            write_pprof(paths, write, captured_at=snapshot.meta.captured_at, comment=comment)
        elif choice.format == "folded":
            write_folded(paths, write, of_objects=choice.of_objects)
        else:
            write_dot(paths, write)


def _table(heap: HeapQueries, name: str, choice: ExportChoice) -> Table:
    return with_constants(build_table(name, heap.tree), choice.constants)


def query_tables(
    heap: HeapQueries, query: str, *, memory_bytes: int
) -> AbstractContextManager[tuple[tuple[str, ...], Iterator[list[tuple[Any, ...]]]]]:
    """Ask one SELECT over the tables of a heap; see ``ask_sql``."""

    def build(name: str) -> Table:
        return build_table(name, heap.tree)

    return ask_sql(build, query, memory_bytes=memory_bytes, oversight=heap.oversight)


def meta_of(heap: HeapQueries) -> dict[str, Any]:
    """Say where a snapshot comes from, with its figures."""
    meta = heap.snapshot.meta
    return {
        "pid": meta.pid,
        "command": clean_text(meta.command, 1000),
        "host_name": clean_text(meta.host_name),
        "python_version": clean_text(meta.python_version, 80),
        "captured_at": meta.captured_at,
        "process_start_time": meta.process_start_time,
        "pause_ns": meta.pause_ns,
        "coverage": meta.coverage,
        "rss_bytes": meta.rss_after_bytes,
        "objects": heap.snapshot.object_count,
        "references": heap.snapshot.reference_count,
        "heap_bytes": heap.snapshot.heap_bytes,
        "allocated_bytes": heap.snapshot.allocated_bytes,
        "reachable_bytes": heap.tree.reachable_bytes,
        "garbage_objects": heap.roots.garbage_count,
        "garbage_bytes": heap.roots.garbage_bytes,
        "heapscope_version": meta.heapscope_version,
    }


__all__ = ["FORMATS", "TABLES", "ExportChoice", "check_choice", "meta_of", "query_tables", "write_export"]
