"""Tables as JSON and CSV text, row by row, in parts.

Never holds more than one part of a table as Python objects; no foreign text arrives uncleaned, and no cell of CSV can start
a spreadsheet formula. No I/O: ``write`` takes the bytes, in order.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from heapscope.exports.tables import Column, Table
from heapscope.graph.library import UNWATCHED, Oversight

Write = Callable[[bytes], object]

SCHEMA_VERSION = 1
_AT_ONCE = 1 << 14
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_json(
    meta: Mapping[str, Any], tables: Sequence[Table], write: Write, oversight: Oversight = UNWATCHED
) -> None:
    """Write one object: ``schema_version``, ``meta``, and ``tables``, each an array of rows. Raises Cancelled."""
    write(f'{{"schema_version": {SCHEMA_VERSION}, "meta": {json.dumps(meta)}, "tables": {{'.encode())
    for number, table in enumerate(tables):
        write(f"{',' if number else ''}\n{json.dumps(table.name)}: [".encode())
        separator = b"\n"
        for rows in _parts(table, _json_cells, oversight):
            template = "{" + ", ".join(f"{json.dumps(column.name)}: %s" for column in table.columns) + "}"
            write(separator + ",\n".join(template % row for row in rows).encode())
            separator = b",\n"
        write(b"\n]")
    write(b"\n}}\n")


def write_csv(table: Table, write: Write, oversight: Oversight = UNWATCHED, *, header: bool = True) -> None:
    """Write one table, with a heading. Raises Cancelled."""
    if header:
        write((",".join(column.name for column in table.columns) + "\n").encode())
    for rows in _parts(table, _csv_cells, oversight):
        write(("\n".join(map(",".join, rows)) + "\n").encode("utf-8", "backslashreplace"))


def _parts(
    table: Table, cells: Callable[[Column], Callable[[Any], list[str]]], oversight: Oversight
) -> Iterator[list[tuple[str, ...]]]:
    writers = [(column, cells(column)) for column in table.columns]
    for start in range(0, table.row_count, _AT_ONCE):
        oversight.check()
        oversight.report(start / table.row_count)
        part = slice(start, start + _AT_ONCE)
        yield list(zip(*(write(column.values[part]) for column, write in writers), strict=True))


def _json_cells(column: Column) -> Callable[[Any], list[str]]:
    return _cells(column, json.dumps, "null", '"%#x"')


def _csv_cells(column: Column) -> Callable[[Any], list[str]]:
    return _cells(column, _csv_text, "", "%#x")


def _cells(column: Column, show: Callable[[str], str], none: str, address: str) -> Callable[[Any], list[str]]:
    """Give what writes the cells of a column; texts are written once each, however often they come."""
    if column.texts is not None:
        shown = [show(text) for text in column.texts]
        if column.none is not None:
            shown[column.none] = none
        return lambda values: [shown[at] for at in values.tolist()]
    if column.kind == "bool":
        return lambda values: ["true" if value else "false" for value in values.tolist()]
    if column.kind == "address":
        return lambda values: [address % value for value in values.tolist()]
    if column.none is None:
        return lambda values: list(map(str, values.tolist()))
    return lambda values: [none if value == column.none else str(value) for value in values.tolist()]


def _csv_text(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([f"'{text}" if text.startswith(_FORMULA_STARTS) else text])
    return out.getvalue()
