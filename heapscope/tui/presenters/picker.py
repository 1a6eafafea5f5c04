"""Owns the words of the process picker: its columns and the detail of the process under the cursor.

Pure; whether a process can be attached to is target's judgement and is only written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import EMPTY, Line, Span, line
from heapscope.tui.presenters.target import short_command
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import safe_text, wrap
from heapscope.units import counted, format_bytes

if TYPE_CHECKING:
    from heapscope.target.info import TargetInfo

DETAIL_LINES = 5


def format_age(seconds: float) -> str:
    """Write an age in its largest unit: ``42s``, ``17m``, ``5h``, ``12d``."""
    value = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if value >= size:
            return f"{value // size}{unit}"
    return f"{value}s"


def picker_columns() -> list[Column[TargetInfo]]:
    """Return the columns."""
    return [
        Column("pid", "PID", lambda row: str(row.pid), lambda row: row.pid, 8, ascending_first=True),
        Column("python", "Python", _version, lambda row: row.python_version or "", 7, align="left"),
        Column("rss", "RSS", lambda row: format_bytes(row.rss_bytes), lambda row: row.rss_bytes, 6),
        Column("uss", "USS", lambda row: format_bytes(row.uss_bytes) if row.uss_bytes is not None else "?",
               lambda row: row.uss_bytes, 6, rank=4),
        Column("age", "Age", lambda row: format_age(row.age_s), lambda row: row.age_s, 5),
        Column("threads", "Thr", lambda row: str(row.thread_count), lambda row: row.thread_count, 4, rank=3),
        Column("user", "User", lambda row: safe_text(row.user, 30), lambda row: row.user, 9, align="left", rank=2,
               ascending_first=True),
        Column("attach", "Attach", lambda row: "✘ no" if row.obstacle else "✔ yes",
               lambda row: row.obstacle is None, 6, align="left",
               style=lambda row: "warn" if row.obstacle else "good"),
        Column("command", "Command", lambda row: short_command(row.command, row.name), lambda row: row.command,
               align="left", ascending_first=True),
    ]  # fmt: skip


def _version(row: TargetInfo) -> str:
    mark = "t" if row.free_threaded else "d" if row.debug_build else ""
    return f"{safe_text(row.python_version or '?', 12)}{mark}"


def picker_facts(row: TargetInfo) -> FilterFacts:
    """Return what a filter may ask about a process."""
    text = f"{row.pid} {row.name} {row.command} {row.user} {row.python_version or ''}"
    return FilterFacts(text, numbers={"shallow": row.rss_bytes, "count": row.thread_count})


def picker_model(targets: Sequence[TargetInfo]) -> TableModel[TargetInfo]:
    """Build the table: the largest process first."""
    return TableModel(targets, picker_columns(), picker_facts, sort_key="rss")


def picker_detail(row: TargetInfo | None, width: int) -> list[Line]:
    """Write what the row has no room for: the whole command, and why not with the way out."""
    if row is None:
        return [EMPTY] * DETAIL_LINES
    lines = [line(("command  ", "dim"), safe_text(row.command or row.name, max(20, width - 10)))]
    lines.append(line(("process  ", "dim"), _process_words(row)))
    if row.obstacle is None:
        lines.append(
            line(("attach   ", "dim"), Span("✔ ", "good"), "enter attaches; the target is paused for milliseconds")
        )
        return (lines + [EMPTY] * DETAIL_LINES)[:DETAIL_LINES]
    words = wrap(safe_text(row.obstacle.message, 400).split(), width - 11)
    lines += [line(("attach   " if at == 0 else " " * 9, "dim"), Span("✘ " if at == 0 else "  ", "warn"), text)
              for at, text in enumerate(words[:2])]  # fmt: skip
    if row.obstacle.hint:
        lines.append(
            line(("fix      ", "dim"), (safe_text(row.obstacle.hint.replace("\n", " "), max(20, width - 10)), "strong"))
        )
    return (lines + [EMPTY] * DETAIL_LINES)[:DETAIL_LINES]


def _process_words(row: TargetInfo) -> str:
    parts = [f"user {safe_text(row.user, 30)}", counted(row.thread_count, "thread")]
    if row.container:
        parts.append(f"container {safe_text(row.container, 24)}")
    if row.virtual_env:
        parts.append(f"venv {safe_text(row.virtual_env, 40)}")
    if row.free_threaded:
        parts.append("free-threaded build")
    if row.debug_build:
        parts.append("debug build")
    return ", ".join(parts)


def empty_picker(is_loading: bool) -> list[Line]:
    """Say why there is nothing to choose from."""
    if is_loading:
        return [line((" looking for Python processes …", "dim"))]
    return [
        line(" No running CPython process was found."),
        line((" Processes of other users show up with more rights: ", "dim"), "sudo heapscope attach"),
        line((" R", "key"), " looks again"),
    ]
