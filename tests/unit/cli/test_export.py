"""``heapscope export`` and ``heapscope sql`` on a snapshot file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from heapscope.errors import ExitCode
from tests.support.profile_proto import read_profile
from tests.support.shop import Shop
from tests.support.v8 import V8Heap

HEAP_BYTES = Shop().snapshot().heap_bytes


@pytest.mark.parametrize("kind", ["json", "csv", "parquet", "pprof", "folded", "heapsnapshot", "dot"])
def test_every_format_is_written_for_its_owner_only_and_never_over_a_file(
    path: str, ask: Any, tmp_path: Path, kind: str
) -> None:
    """The summary says what was written; a second run needs --force."""
    out = tmp_path / f"heap.{kind}"
    facts = ask("export", path, "--to", kind, "-o", str(out))
    assert facts == {
        "path": str(out),
        "format": kind,
        "bytes": out.stat().st_size,
        "objects": 13,
        "heap_bytes": HEAP_BYTES,
    }
    assert facts["bytes"] > 0
    assert os.stat(out).st_mode & 0o777 == 0o600
    before = out.read_bytes()
    ask("export", path, "--to", kind, "-o", str(out), code=ExitCode.SNAPSHOT_FILE)
    assert out.read_bytes() == before
    ask("export", path, "--to", kind, "-o", str(out), "-f")
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([out.name, "shop.heapscope"])


def test_the_files_are_what_they_say(path: str, ask: Any, tmp_path: Path) -> None:
    """Read by their own readers."""
    out = tmp_path / "heap"
    ask("export", path, "--to", "pprof", "-o", str(out))
    assert sum(size for _, size in read_profile(out.read_bytes())[1].values()) == HEAP_BYTES
    ask("export", path, "--to", "heapsnapshot", "-o", str(out), "-f")
    assert V8Heap(out.read_bytes()).names.count("app.Session") == 3
    text = ask("export", path, "--to", "folded", "--value", "objects", text=True)
    assert sum(int(line.split()[-1]) for line in text.splitlines()) == 13
    lines = ask("export", path, "--to", "csv", "--table", "references", "--no-header", text=True).splitlines()
    assert lines[0] == "0,1"
    assert (
        len(json.loads(ask("export", path, "--to", "json", "--table", "objects", text=True))["tables"]["objects"]) == 13
    )


def test_wrong_words_are_usage_errors(path: str, ask: Any) -> None:
    """A table of a profile, Parquet to the terminal."""
    ask("export", path, "--to", "pprof", "--table", "types", code=ExitCode.USAGE)
    ask("export", path, "--to", "parquet", code=ExitCode.USAGE)


def test_sql_answers_in_every_format(path: str, ask: Any) -> None:
    """Integers stay integers, also sums; equal names of columns are told apart."""
    query = "select type, count(*) as n, sum(shallow_bytes) as bytes from objects group by 1 order by n desc, 1 limit 2"
    assert ask("sql", path, query) == [
        {"type": "app.Session", "n": 3, "bytes": 291},
        {"type": "app.Lost", "n": 2, "bytes": 1000},
    ]
    assert ask("sql", path, "select 1 as a, 2 as a, null as b, 1.5 as c, chr(27) as d") == [
        {"a": 1, "a_1": 2, "b": None, "c": 1.5, "d": "\\x1b"}
    ]
    assert "app.Session" in ask("sql", path, query, text=True)
    assert ask("sql", path, query, "--format", "csv", text=True).splitlines()[1] == "app.Session,3,291"
    assert len(ask("sql", path, "select * from objects", "-n", "5")) == 5
    assert "first 5 rows" in ask.said
    ask("sql", path, "drop table objects", code=ExitCode.USAGE)
