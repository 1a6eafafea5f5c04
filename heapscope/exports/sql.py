"""SQL over the tables of a snapshot, and Parquet files, both by DuckDB (the extra ``sql``).

Never lets a query reach a file, the network, an extension or a Python variable: it reads the tables of one snapshot. DuckDB scans
our columns where they are; a table costs no copy.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.errors import BudgetExceeded, Cancelled, HeapscopeError, UsageError
from heapscope.exports.tables import TABLES, Column, Table
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.units import clean_text

ALIASES = {"refs": "references"}  # the word itself is one of SQL's own, and has to be quoted
MAX_QUERY = 1 << 16
_POLL_S = 0.05
_CONFIG = {"python_enable_replacements": "false", "threads": "2"}
_HINT = "pip install 'heapscope[sql]'"


def duckdb_module() -> ModuleType:
    """Import DuckDB, which costs 0.1 s.

    Raises:
        HeapscopeError: it is not installed.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra, and heavy
    except ImportError as error:
        raise HeapscopeError("DuckDB is not installed", hint=_HINT) from error
    return duckdb  # type: ignore[no-any-return,unused-ignore]


def write_parquet(table: Table, path: str, oversight: Oversight = UNWATCHED) -> None:
    """Write one table into a file that exists, so that its permissions stay.

    Raises:
        HeapscopeError: DuckDB is not there, or cannot write.
        Cancelled: the watcher gave up.
    """
    duckdb = duckdb_module()
    connection = _connect(duckdb)
    with contextlib.closing(connection):
        _add_table(connection, table)
        how = "(format parquet, compression zstd, use_tmp_file false)"
        query = f"copy (select * from {_name(table.name)}) to {_text(path)} {how}"  # noqa: S608 - quoted names
        try:
            _watched(connection, lambda: connection.execute(query), oversight)
        except duckdb.Error as error:
            raise HeapscopeError(f"cannot write the Parquet file: {_said(error)}", hint="name another file") from error


@contextlib.contextmanager
def ask_sql(
    build: Callable[[str], Table], query: str, *, memory_bytes: int, oversight: Oversight = UNWATCHED
) -> Iterator[tuple[tuple[str, ...], Iterator[list[tuple[Any, ...]]]]]:
    """Run one SELECT and give the names of its columns, and its rows in parts. ``build`` makes a table when it is named.

    Raises:
        UsageError: the query makes no sense, or is more than a question.
        BudgetExceeded: it would need more than ``memory_bytes``.
        HeapscopeError: DuckDB is not there.
        Cancelled: the watcher gave up.
    """
    duckdb = duckdb_module()
    if len(query) > MAX_QUERY:
        raise UsageError(f"a query has at most {MAX_QUERY} characters")
    connection = _connect(duckdb, memory_limit=f"{memory_bytes}B")
    with contextlib.closing(connection):
        try:
            _check_question(duckdb, connection, query)
            for name in _tables_in(connection, query):
                _add_table(connection, build(ALIASES.get(name, name)), name)
            connection.execute(
                "set temp_directory = ''; set enable_external_access = false; set lock_configuration = true"
            )
            result = _watched(connection, lambda: connection.execute(query), oversight)
            names = tuple(column[0] for column in result.description or ())
            yield names, _rows(result, oversight)
        except duckdb.OutOfMemoryException as error:
            raise BudgetExceeded(
                f"the query needs more memory: {_said(error)}", hint="--memory 4G, or ask for less"
            ) from error
        except duckdb.Error as error:
            raise UsageError(f"the query fails: {_said(error)}", hint=f"tables: {', '.join(TABLES)}") from error


def _connect(duckdb: ModuleType, **config: str) -> Any:  # noqa: ANN401 - DuckDB's own
    connection = duckdb.connect(":memory:", config={**_CONFIG, **config})
    # It is drawn on stdout, where the result belongs, once a query takes two seconds.
    connection.execute("set enable_progress_bar = false")
    return connection


def _check_question(duckdb: ModuleType, connection: Any, query: str) -> None:  # noqa: ANN401 - DuckDB's own
    statements = connection.extract_statements(query)
    questions = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    if len(statements) != 1 or statements[0].type not in questions:
        raise UsageError("one SELECT is answered at a time", hint="heapscope sql SOURCE 'select count(*) from objects'")


def _tables_in(connection: Any, query: str) -> list[str]:  # noqa: ANN401 - DuckDB's own
    named = {str(name).lower().strip('"') for name in connection.get_table_names(query)}
    return sorted(named & {*TABLES, *ALIASES})


def _add_table(connection: Any, table: Table, name: str = "") -> None:  # noqa: ANN401 - DuckDB's own
    """Numbers are scanned where they are; texts are a small table that is joined."""
    name = name or table.name
    raw = f"__{name}"
    connection.register(raw, {column.name: _signed(column) for column in table.columns})
    shown: list[str] = []
    joins: list[str] = []
    for column in table.columns:
        value = f"raw.{_name(column.name)}"
        if column.texts is None:
            kind = "boolean" if column.kind == "bool" else "bigint"
            shown.append(f"cast({_maybe(column, value)} as {kind}) as {_name(column.name)}")
            continue
        texts = f"__{name}_{column.name}"
        numbers = np.arange(len(column.texts), dtype=np.int64)
        connection.register(texts, {"number": numbers, "text": np.array(column.texts, dtype=object)})
        alias = f"t{len(joins)}"
        joins.append(f" left join {_name(texts)} {alias} on {alias}.number = {_maybe(column, value)}")
        shown.append(f"{alias}.text as {_name(column.name)}")
    select = f"select {', '.join(shown)} from {_name(raw)} raw{''.join(joins)}"  # noqa: S608 - names of ours
    connection.execute(f"create view {_name(name)} as {select}")


def _signed(column: Column) -> npt.NDArray[Any]:
    """Spark and others know signed numbers of 64 bits only; nothing of ours is larger than half of the unsigned ones."""
    values = np.ascontiguousarray(column.values)
    return values.view(np.int64) if values.dtype == np.dtype("<u8") else values


def _maybe(column: Column, value: str) -> str:
    return value if column.none is None else f"nullif({value}, {column.none})"


def _rows(result: Any, oversight: Oversight) -> Iterator[list[tuple[Any, ...]]]:  # noqa: ANN401 - DuckDB's own
    while part := result.fetchmany(10_000):
        oversight.check()
        yield part


def _watched(connection: Any, work: Callable[[], Any], oversight: Oversight) -> Any:  # noqa: ANN401 - DuckDB's own
    """Run in a thread of its own, so that the caller can give up."""
    done: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            failed.append(error)

    thread = threading.Thread(target=run, name="heapscope sql", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
        if thread.is_alive() and oversight.is_cancelled():
            connection.interrupt()
            thread.join()
            raise Cancelled("The query was given up")
    if failed:
        raise failed[0]
    return done[0]


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _said(error: Exception) -> str:
    return clean_text(str(error).splitlines()[0] if str(error) else type(error).__name__, 400)
