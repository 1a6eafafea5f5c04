"""Owns making texts fit terminal cells: safe, cut, padded, drawn as bars and sparklines.

Pure functions; never reads markup, so text of a target stays text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from heapscope.units import clean_text, short_type_name

MAX_CELL_TEXT = 240  # no column is wider; longer names are cut before anything is measured

_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_SPARK = "▁▂▃▄▅▆▇█"


def safe_text(text: str, limit: int = MAX_CELL_TEXT) -> str:
    """Make foreign text safe to draw in a grid, in at most ``limit`` characters; quick for what is harmless."""
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    return clean_text(text, limit)


def shown_type(type_name: str, limit: int = MAX_CELL_TEXT) -> str:
    """Write a type's name as a person knows it."""
    return safe_text(short_type_name(type_name), limit)


def cut_start(text: str, width: int) -> str:
    """Keep the end of a text, where type names differ, in at most ``width`` cells."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    used, kept = 1, len(text)
    while kept and used + cell_len(text[kept - 1]) <= width:
        kept -= 1
        used += cell_len(text[kept])
    return "…" + text[kept:]


def cut_end(text: str, width: int) -> str:
    """Keep the start of a text in at most ``width`` cells."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int, align: str = "left") -> str:
    """Fill up to exactly ``width`` cells; the text must fit."""
    space = " " * max(0, width - cell_len(text))
    return space + text if align == "right" else text + space


def bar(share: float, width: int) -> str:
    """Draw a share of 0…1 in eighths of a cell; anything above zero is visible."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    if eighths == 0:
        return "▏" if share > 0 else ""
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


def sparkline(values: Sequence[int], width: int) -> str:
    """Draw the newest values, one cell each, scaled between their least and greatest."""
    shown = values[-width:] if width > 0 else []
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    # Below 1 % of change the line stays flat: noise must not look like growth.
    if high - low < max(1, high // 100):
        return _SPARK[0] * len(shown)
    return "".join(_SPARK[(value - low) * (len(_SPARK) - 1) // (high - low)] for value in shown)


def time_of_day(seconds: float) -> str:
    """Write a moment (seconds since the epoch) as local time of day."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def percent(share: float) -> str:
    """Write a share as a percentage: ``28%``, ``3.1%``, ``<0.1%``; ``100%`` is all, a little less is ``99.9%``."""
    if share <= 0:
        return "0%"
    if share < 0.001:
        return "<0.1%"
    if 0.995 <= share < 1:
        return f"{int(share * 1_000) / 10:.1f}%"
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def wrap(words: Iterable[str], width: int, indent: str = "") -> list[str]:
    """Set words in lines of at most ``width`` cells, each with the indent."""
    lines: list[str] = []
    line = ""
    for whole in words:
        word = cut_end(whole, width - len(indent))
        if line and cell_len(indent) + cell_len(line) + 1 + cell_len(word) > width:
            lines.append(indent + line)
            line = ""
        line = f"{line} {word}" if line else word
    return [*lines, indent + line] if line else lines
