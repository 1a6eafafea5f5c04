"""Tables for people: figures down, interpreters across, as Markdown. Pure; measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heapscope.units import format_bytes, format_count, format_duration_ns

Row = dict[str, Any]
GAP_FACTOR, GAP_MARGIN_NS = 2, 10_000_000
OBJECTS_PER_SECOND = 5_000_000
FILE_NS, FILE_OBJECTS = 8_000_000_000, 10_000_000
DIRTY_SHARE, DIRTY_MARGIN = 0.02, 16 << 20
RSS_CHANGE = 0.01


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is flush left, the others flush right."""
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]

    def line_of(cells: Sequence[str]) -> str:
        first, *rest = cells
        aligned = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        return "| " + " | ".join(aligned) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line_of(head), rule, *map(line_of, rows)])


def rate(objects: int, nanoseconds: int) -> float:
    """Return objects a second."""
    return objects / max(1, nanoseconds) * 1e9


def _per_second(row: Row, *names: str) -> str:
    return f"{rate(row['objects'], sum(row[name] for name in names)) / 1e6:.1f} M/s"


def _judged(text: str, *, good: bool) -> str:
    return text if good else f"{text} (over)"


def gap_limit_ns(row: Row) -> int:
    """Return the longest gap that a capture may cause."""
    return int(GAP_FACTOR * row["bare_clone_ns"] + GAP_MARGIN_NS)


def _gap(row: Row) -> str:
    return _judged(format_duration_ns(row["gap_ns"]), good=row["gap_ns"] <= gap_limit_ns(row))


def _streamed(row: Row) -> str:
    speed = rate(row["objects"], row["stream_ns"])
    return _judged(f"{speed / 1e6:.1f} M/s", good=speed >= OBJECTS_PER_SECOND)


def _to_file(row: Row) -> str:
    limit = FILE_NS * max(1.0, row["objects"] / FILE_OBJECTS)
    return _judged(format_duration_ns(row["to_file_ns"]), good=row["to_file_ns"] <= limit)


def _wrote(row: Row) -> str:
    wrote = row["clone_wrote_bytes"]
    if wrote is None:
        return "-"
    limit = row["rss_before_bytes"] * DIRTY_SHARE + DIRTY_MARGIN
    return _judged(f"{format_bytes(wrote)} of {format_bytes(int(limit))}", good=wrote <= limit)


def _unchanged(row: Row) -> str:
    good = abs(row["rss_change"]) <= RSS_CHANGE and row["blocks_change"] == 0 and row["dicts_change"] == 0
    return _judged(f"{row['rss_change']:+.2%}, {row['blocks_change']:+}, {row['dicts_change']:+}", good=good)


FIGURES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("objects", lambda row: format_count(row["objects"])),
    ("RSS", lambda row: format_bytes(row["rss_before_bytes"])),
    ("collector", lambda row: row["collector"]),
    ("load average", lambda row: f"{row['load_average']:.1f}"),
    ("bare clone", lambda row: format_duration_ns(row["bare_clone_ns"])),
    ("own gap", lambda row: format_duration_ns(row["own_gap_ns"])),
    ("longest gap", _gap),
    ("its mark", lambda row: format_duration_ns(gap_limit_ns(row))),
    ("pause", lambda row: format_duration_ns(row["pause_ns"])),
    ("streamed", _streamed),
    ("by the clone's core", lambda row: _per_second(row, "clone_cpu_ns")),
    ("by the host's core", lambda row: _per_second(row, "host_stream_cpu_ns", "host_build_cpu_ns")),
    ("stream thrown away", lambda row: _per_second(row, "drain_ns")),
    ("to snapshot", lambda row: _per_second(row, "capture_ns", "build_ns")),
    ("capture", lambda row: format_duration_ns(row["capture_ns"])),
    ("to file", _to_file),
    ("clone wrote", _wrote),
    ("target: RSS, blocks, dicts", _unchanged),
    ("coverage", lambda row: "-" if row["coverage"] is None else f"{row['coverage']:.4f}"),
)


def _coverage_cell(row: Row) -> str:
    if row["ratio"] is None:
        return "no packages"
    return _judged(f"{row['ratio']:.4f}", good=row["in_range"])


def capture_table(rows: Sequence[Row]) -> str:
    """Return all figures of scripts/bench_capture.py."""
    head = ["", *(row.get("python_version") or row["python"] for row in rows)]
    lines = [[name, *(show(row) for row in rows)] for name, show in FIGURES] if "objects" in rows[0] else []
    names = [each["workload"] for each in rows[0]["workloads"]]
    lines += [
        [f"{name} / traced", *(_coverage_cell(row["workloads"][number]) for row in rows)]
        for number, name in enumerate(names)
    ]
    return markdown(head, lines)
