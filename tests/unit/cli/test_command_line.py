"""Rows, output and the frame of the command line, without a process."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from heapscope.cli import command_attach, command_open, slots_rows
from heapscope.cli import main as frame
from heapscope.cli.command_types import COLUMNS as TYPES_COLUMNS
from heapscope.cli.output import OutputOptions, check_output_path, format_csv, format_table, write_rows
from heapscope.cli.rows import choose_rows, filter_rows, sort_rows
from heapscope.cli.table import Column, place_columns, table_line
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode, HeapscopeError, SnapshotFileError, TargetGone, UsageError
from tests.support.program import Program

ROWS = [
    {"type": "app.User", "count": 10, "shallow_bytes": 2048, "recursive_bytes": None},
    {"type": "app.Cart", "count": 2000, "shallow_bytes": 512, "recursive_bytes": 9},
    {"type": "dict", "count": 5, "shallow_bytes": 4096, "recursive_bytes": 7},
]
HOSTILE = {"type": "=cmd()\x1b[31m[bold]\u202e", "count": 1, "shallow_bytes": 1, "recursive_bytes": None}
COLUMNS = (Column("type", "TYPE"), Column("count", "COUNT", is_number=True))


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("", ["app.User", "app.Cart", "dict"]),
        ("app", ["app.User", "app.Cart"]),
        ("app !cart", ["app.User"]),
        ("/^d/", ["dict"]),
        ("count>1k", ["app.Cart"]),
        ("shallow>=2k", ["app.User", "dict"]),
        ("rec<9", ["dict"]),
        ("type:cart", ["app.Cart"]),
    ],
)
def test_a_filter_keeps_the_rows_for_which_every_word_holds(expression: str, kept: list[str]) -> None:
    """Words, negation, patterns, comparisons."""
    assert [row["type"] for row in filter_rows(ROWS, expression, "type")] == kept


@pytest.mark.parametrize("expression", ["/(/", "nothing>1", "x" * 600])
def test_a_bad_filter_is_a_usage_error(expression: str) -> None:
    """Never a traceback."""
    with pytest.raises(UsageError):
        filter_rows(ROWS, expression, "type")


def test_sorting_puts_large_numbers_first_and_unknown_ones_last() -> None:
    """Both ways; text rises."""
    keys = tuple(ROWS[0])
    assert [row["count"] for row in sort_rows(ROWS, "count", keys)] == [2000, 10, 5]
    assert [row["recursive_bytes"] for row in sort_rows(ROWS, "rec:asc", keys)] == [7, 9, None]
    assert sort_rows(ROWS, "type", keys)[0]["type"] == "app.Cart"
    for bad in ("color", "count:up"):
        with pytest.raises(UsageError):
            sort_rows(ROWS, bad, keys)


def test_a_limit_of_zero_keeps_everything() -> None:
    """Other limits cut."""
    assert len(choose_rows(ROWS, expression="", sort="", limit=0, text_key="type")) == 3
    assert len(choose_rows(ROWS, expression="", sort="", limit=2, text_key="type")) == 2


def test_csv_holds_every_key_and_starts_no_formula() -> None:
    """A spreadsheet sees text."""
    lines = list(csv.reader(io.StringIO(format_csv([HOSTILE], COLUMNS, header=True))))
    assert lines[0] == ["type", "count", "shallow_bytes", "recursive_bytes"]
    assert lines[1] == ["'=cmd()\\x1b[31m[bold]\\u202e", "1", "1", ""]


def test_a_table_shows_hostile_names_as_they_are() -> None:
    """No escape sequence and no markup gets through."""
    text = format_table([HOSTILE], COLUMNS, OutputOptions(), Talk(color="never"))
    assert "\x1b" not in text
    assert "=cmd()\\x1b[31m[bold]\\u202e" in text


def test_json_goes_into_a_file_that_is_never_overwritten_unasked(tmp_path: Path) -> None:
    """One array of row objects; the second time needs force."""
    path = tmp_path / "rows.json"
    options = OutputOptions(format="json", path=str(path))
    write_rows(ROWS, COLUMNS, options, Talk())
    assert json.loads(path.read_text()) == ROWS
    with pytest.raises(SnapshotFileError, match="exists"):
        write_rows([], COLUMNS, options, Talk())
    write_rows([], COLUMNS, OutputOptions(format="json", path=str(path), force=True), Talk())
    assert json.loads(path.read_text()) == []
    assert os.listdir(tmp_path) == ["rows.json"]


def test_a_path_that_cannot_be_written_is_noticed_beforehand(tmp_path: Path) -> None:
    """A folder, a missing folder, a name with a zero byte."""
    for path in (str(tmp_path), str(tmp_path / "none" / "x"), "a\0b"):
        with pytest.raises(SnapshotFileError):
            check_output_path(path, force=True)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TargetGone("process 7 has ended\x1b", hint="heapscope ps"), 4, "heapscope: process 7 has ended\\x1b"),
        (HeapscopeError("odd"), 1, "heapscope: odd"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.UsageError("no such option"), 2, "no such option"),
        (ZeroDivisionError("oops"), 1, "internal error: ZeroDivisionError: oops"),
    ],
)
def test_errors_become_one_line_and_an_exit_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Never a traceback; the details of our own faults go to a log."""

    def fail() -> None:
        raise error

    command = click.Command("ps", callback=fail)
    monkeypatch.setattr(frame.importlib, "import_module", lambda _: SimpleNamespace(command=command))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("HEAPSCOPE_DEBUG", raising=False)
    assert frame.main(["ps"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err
    log = tmp_path / "heapscope" / "error.log"
    assert log.exists() is isinstance(error, ZeroDivisionError)
    assert not log.exists() or log.stat().st_mode & 0o777 == 0o600


def test_a_command_may_return_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor does."""
    command = click.Command("ps", callback=lambda: int(ExitCode.PERMISSION))
    monkeypatch.setattr(frame.importlib, "import_module", lambda _: SimpleNamespace(command=command))
    assert frame.main(["ps"]) == 6


WIDE = (
    Column("type", "TYPE", min_width=10, keep_end=True),
    Column("now", "NOW", is_number=True, rank=1),
    Column("slots", "SLOTS", is_number=True, rank=2),
    Column("why", "WHY", min_width=12),
)


@pytest.mark.parametrize(
    ("width", "placed"),
    [
        (None, [(0, 40), (1, 6), (2, 6), (3, 50)]),
        (120, [(0, 40), (1, 6), (2, 6), (3, 50)]),
        (60, [(0, 20), (1, 6), (2, 6), (3, 22)]),
        (40, [(0, 10), (1, 6), (2, 6), (3, 12)]),
        (39, [(0, 13), (1, 6), (3, 16)]),
        (26, [(0, 11), (3, 13)]),
        (10, [(0, 3), (3, 5)]),
    ],
)
def test_a_table_leaves_columns_out_rather_than_squeezing_all(width: int | None, placed: list[tuple[int, int]]) -> None:
    """Long texts give way first, down to a readable width; figures are shown whole or not at all."""
    assert [(place.index, place.width) for place in place_columns(WIDE, (40, 6, 6, 50), width)] == placed
    total = sum(cells for _, cells in placed) + 2 * (len(placed) - 1)
    assert width is None or total <= width


def test_a_cut_name_keeps_its_end_and_a_cut_reason_its_start() -> None:
    """Names differ at their end."""
    placed = place_columns(WIDE, (40, 6, 6, 50), 40)
    line = table_line(WIDE, placed, ("package.module.ClassName", "1", "2", "not your code: standard library"))
    assert line == "…ClassName       1       2  not your co…"


def test_builtin_types_are_short_in_tables_and_whole_in_json() -> None:
    """A filter understands both."""
    rows = [{"type": "builtins.dict", "count": 1}, {"type": "app.dict", "count": 1}]
    text = format_table(rows, TYPES_COLUMNS[:2], OutputOptions(), Talk(color="never"))
    assert [line.split()[0] for line in text.splitlines()] == ["TYPE", "dict", "app.dict"]
    assert "builtins.dict" in format_csv(rows, TYPES_COLUMNS[:2], header=True)
    for expression in ("/^dict$/", "/^builtins/", "builtins", "type:builtins.dict"):
        assert [row["type"] for row in filter_rows(rows, expression, "type")] == ["builtins.dict"]


@pytest.fixture
def user_interface(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A terminal is there, and a UI that ends with code 8; its arguments are kept."""
    calls: list[dict[str, Any]] = []

    def run(*arguments: object, **options: object) -> int:
        calls.append({"arguments": arguments, **options})
        return 8

    monkeypatch.setitem(sys.modules, "heapscope.tui.app", SimpleNamespace(run_attach=run, run_open=run))
    for module in (command_attach, command_open):
        monkeypatch.setattr(module, "has_terminal", lambda: True)
    monkeypatch.setattr("heapscope.target.discovery.target_of", lambda *_, **__: None)
    monkeypatch.setattr(
        "heapscope.snapshot.file.load_snapshot",
        lambda path: SimpleNamespace(meta=SimpleNamespace(captured_at=float(Path(path).stem.partition("-")[2] or 0))),
    )
    return calls


@pytest.mark.parametrize("words", [[], ["attach"], ["attach", "77"], ["open", "FILE"]])
def test_the_exit_code_of_the_ui_is_that_of_the_process(
    words: list[str], user_interface: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Also without a command; --ascii reaches the UI."""
    path = tmp_path / "x.heapscope"
    path.touch()
    words = [str(path) if word == "FILE" else word for word in words]
    assert frame.main(words) == 8
    assert frame.main(["--ascii", *words]) == 8
    assert [call["ascii_only"] for call in user_interface] == [False, True]


def test_of_several_files_the_newest_is_opened_and_the_oldest_comes_first_of_the_others(
    user_interface: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Whatever their order on the command line."""
    paths = {number: str(tmp_path / f"x-{number}.heapscope") for number in (1, 2, 3)}
    for path in paths.values():
        Path(path).touch()
    assert frame.main(["open", paths[2], paths[3], paths[1]]) == 8
    (call,) = user_interface
    assert call["arguments"][1] == paths[3]
    assert [path for _snapshot, path in call["earlier"]] == [paths[1], paths[2]]


def test_the_slots_row_carries_notes() -> None:
    """Reasons beyond the third are there."""
    program = Program()
    program.instances(program.cls(names={"b": "int"}), weakly_referenced=2)
    row = slots_rows.row_of(program.row())
    assert row["blockers"] == ["b has a default in app.Item: set it in __init__ instead"]
    assert "weakly referenced" in row["notes"][0]
