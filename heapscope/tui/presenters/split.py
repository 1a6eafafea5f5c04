"""Owns the words and bars of the memory split on the Overview: where the resident memory is, largest part first.

Pure; the RSS tab has all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.tui.lines import Line, line
from heapscope.tui.state import Writing
from heapscope.tui.textfit import bar, percent, safe_text
from heapscope.units import noun_for

if TYPE_CHECKING:
    from heapscope.analysis.memory import Component, MemorySplit

NAME_WIDTH = 22
MAX_BAR = 26


def part_words(part: str) -> str:
    """Write a part's name as words."""
    known = {
        "python_objects": "Python objects",
        "file": "files mapped",
        "private": "private mappings",
        "stacks": "thread stacks",
    }
    return known.get(str(part), str(part).replace("_", " "))


def split_lines(split: MemorySplit, writing: Writing, width: int, room: int) -> list[Line]:
    """Write the split in at most ``room`` lines: a head, the largest parts, the others in one."""
    if room < 2:
        return []
    parts = sorted((part for part in split.components if part.bytes), key=lambda part: -part.bytes)
    shown = parts if len(parts) < room else parts[: room - 2]
    rest = parts[len(shown) :]
    limit = f" of {writing.size(split.limit_bytes)}" if split.limit_bytes else ""
    lines = [
        line(
            (f" Where the {writing.size(split.rss_bytes)}{limit} is", "strong"),
            ("  5", "key"),
            (" shows all of it", "dim"),
        )
    ]
    lines += [_part_line(part, split.rss_bytes, writing, width) for part in shown]
    if rest:
        size = sum(part.bytes for part in rest)
        words = f"{len(rest)} smaller {noun_for(len(rest), 'part')}"
        lines.append(_figures(words, size, split.rss_bytes, writing, width, ""))
    return lines


def _part_line(part: Component, total: int, writing: Writing, width: int) -> Line:
    note = safe_text(part.notes[0], 100) if part.notes else ""
    return _figures(part_words(part.part), part.bytes, total, writing, width, note)


def _figures(name: str, size: int, total: int, writing: Writing, width: int, note: str) -> Line:
    share = size / max(1, total)
    cells = min(MAX_BAR, max(8, width // 5))
    drawn = bar(share, cells)
    return line(
        (f"  {name:<{NAME_WIDTH}}", ""), (f"{writing.size(size):>8}", "strong"), (f"{percent(share):>6} ", ""),
        (f"{drawn:<{cells}} ", "bar"), (note, "dim"),
    )  # fmt: skip
