"""Tables as JSON, CSV, Parquet and SQL: the same rows, whoever reads them."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from heapscope.errors import BudgetExceeded, Cancelled, UsageError
from heapscope.exports.sql import ask_sql, write_parquet
from heapscope.exports.tables import TABLES, build_table
from heapscope.exports.text_tables import write_csv, write_json
from heapscope.oversight import Oversight
from heapscope.service.exporting import FORMATS, ExportChoice, check_choice, write_export
from heapscope.service.queries import HeapQueries
from tests.support.heap import Heap, instances_record
from tests.support.roots import snapshot_with_counts
from tests.support.shop import Shop

SCHEMA = {
    "objects": "object_index address type shallow_bytes allocated_bytes retained_bytes dominator_index refcount length"
    " is_reachable is_tracked is_immortal",
    "types": "type_index address type count shallow_bytes allocated_bytes basic_bytes item_bytes is_heap_type has_slots"
    " file line",
    "references": "holder_index target_index",
    "roots": "kind label address object_index",
    "instances": "type type_address dict_state count requested_bytes allocated_bytes",
}


@pytest.fixture(scope="module")
def heap() -> HeapQueries:
    """The shop, with facts on the instances of one class."""
    shop = Shop()
    address = shop.heap.type("app.Session", file="app/models.py", line=12)
    shop.heap.instances.append(instances_record(address, 3, states={2: [3, 291, 336]}))
    return HeapQueries(shop.snapshot())


def as_json(heap: HeapQueries, *names: str) -> Any:
    """Write JSON and read it."""
    out = bytearray()
    write_export(heap, ExportChoice("json", names), out.extend)
    return json.loads(out)


def as_csv(heap: HeapQueries, name: str) -> list[dict[str, str]]:
    """Write CSV and read it."""
    out = bytearray()
    write_csv(build_table(name, heap.tree), out.extend)
    return list(csv.DictReader(io.StringIO(out.decode())))


def asked(heap: HeapQueries, query: str, memory_bytes: int = 1 << 28) -> list[dict[str, Any]]:
    """Ask SQL."""
    with ask_sql(lambda name: build_table(name, heap.tree), query, memory_bytes=memory_bytes) as (names, parts):
        return [dict(zip(names, row, strict=True)) for part in parts for row in part]


@pytest.mark.parametrize("name", list(TABLES))
def test_every_format_has_the_same_rows_and_the_columns_of_the_contract(
    heap: HeapQueries, name: str, tmp_path: Path
) -> None:
    """Addresses are hexadecimal in text, numbers elsewhere; what is unknown is null, or nothing."""
    rows = as_json(heap, name)["tables"][name]
    assert rows
    assert list(rows[0]) == SCHEMA[name].split()
    file = tmp_path / "table.parquet"
    file.touch(0o600)
    write_parquet(build_table(name, heap.tree), str(file))
    relation = duckdb.read_parquet(str(file))
    assert set(map(str, relation.types)) <= {"BIGINT", "VARCHAR", "BOOLEAN"}
    stored = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    word = f'"{name}"'
    assert sorted(map(str, stored)) == sorted(map(str, asked(heap, f"select * from {word}")))
    shown = [{key: value if "address" not in key else hex(value) for key, value in row.items()} for row in stored]
    key = "object_index" if name == "objects" else next(iter(rows[0]))
    assert sorted(shown, key=lambda row: str(row[key])) == sorted(rows, key=lambda row: str(row[key]))
    texts = {True: "true", False: "false", None: ""}
    plain = [
        {key: texts.get(value, str(value)) if not _is_number(value) else str(value) for key, value in row.items()}
        for row in rows
    ]
    assert as_csv(heap, name) == plain
    assert os.stat(file).st_mode & 0o777 == 0o600


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def test_sums_of_the_tables_are_the_figures_of_the_heap(heap: HeapQueries) -> None:
    """Objects and types say the same; JSON says where it comes from."""
    document = as_json(heap)
    assert document["schema_version"] == 1
    assert document["meta"]["heap_bytes"] == heap.snapshot.heap_bytes
    assert sum(row["shallow_bytes"] for row in document["tables"]["types"]) == heap.snapshot.heap_bytes
    assert sorted(document["tables"]) == ["instances", "roots", "types"]
    row = asked(heap, "select sum(shallow_bytes)::bigint s, count(*) n, max(retained_bytes) r from objects")[0]
    assert row == {
        "s": heap.snapshot.heap_bytes,
        "n": heap.snapshot.object_count,
        "r": 72 + 200 + 1000 + 160 + 193 + 126,
    }


def test_tables_join(heap: HeapQueries) -> None:
    """What a heap is good for in SQL."""
    query = """
        select t.type, count(*) n from refs r join objects h on h.object_index = r.holder_index
        join objects t on t.object_index = r.target_index where h.type = 'app.Session' group by 1 order by 1
    """
    assert asked(heap, query) == [{"type": "builtins.list", "n": 1}, {"type": "builtins.str", "n": 2}]


@pytest.mark.parametrize(
    "query",
    [
        "create table x as select 1",
        "copy (select 1) to 'FILE'",
        "attach 'FILE' as other",
        "install httpfs",
        "set enable_external_access = true",
        "select 1; select 2",
        "",
        "selec",
        "select * from nothing",
        "select * from 'FILE'",
        "select * from read_csv('/etc/hostname')",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/etc/*')",
        "select * from heap",  # a Python variable of this module
        "insert into objects values (1)",
        "pragma database_list",
        "select " + "1+" * 40_000 + "1",
    ],
)
def test_a_query_reads_tables_and_nothing_else(heap: HeapQueries, query: str, tmp_path: Path) -> None:
    """No file, no other statement, no variable: a usage error."""
    file = tmp_path / "file.csv"
    with pytest.raises(UsageError):
        asked(heap, query.replace("FILE", str(file)))
    assert not file.exists()


def test_a_query_has_a_memory_limit(heap: HeapQueries) -> None:
    """A hostile or clumsy one ends with what to do."""
    with pytest.raises(BudgetExceeded):
        asked(heap, "select list(range) from range(100_000_000)", memory_bytes=1 << 24)


def test_a_query_can_be_given_up(heap: HeapQueries) -> None:
    """Within a moment."""
    gone = threading.Event()
    watcher = Oversight(is_cancelled=lambda: gone.is_set() or gone.set() is not None)
    query = "select count(*) from range(10_000_000_000) where range % 7 = 3"
    with (
        pytest.raises(Cancelled),
        ask_sql(lambda name: build_table(name, heap.tree), query, memory_bytes=1 << 28, oversight=watcher),
    ):
        pass


def test_no_cell_of_csv_is_a_formula() -> None:
    """Type names are foreign."""
    hostile = Heap()
    hostile.object('=cmd()",\n\x1b[31m')
    queries = HeapQueries(snapshot_with_counts(hostile))
    assert as_csv(queries, "types")[0]["type"] == "'=cmd()\",\\x0a\\x1b[31m"
    out = bytearray()
    write_json({}, [build_table("types", queries.tree)], out.extend)
    assert json.loads(out)["tables"]["types"][0]["type"] == '=cmd()",\\x0a\\x1b[31m'


@pytest.mark.parametrize(
    "choice",
    [
        ExportChoice("pprof", ("objects",)),
        ExportChoice("csv", ("objects", "types")),
        ExportChoice("pprof", of_objects=True),
        ExportChoice("xml"),
    ],
)
def test_options_that_do_not_fit_a_format_are_refused(choice: ExportChoice) -> None:
    """Before anything is captured."""
    with pytest.raises(UsageError):
        check_choice(choice)


def test_the_command_line_offers_what_there_is() -> None:
    """Its lists are copies, so that help stays fast."""
    from heapscope.cli import command_export

    assert command_export.FORMATS == FORMATS
    assert tuple(TABLES) == command_export.TABLES


def test_no_progress_bar_gets_into_the_result(heap: HeapQueries) -> None:
    """DuckDB draws one on stdout when a query takes seconds."""
    assert asked(heap, "select current_setting('enable_progress_bar') b") == [{"b": False}]
