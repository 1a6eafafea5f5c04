"""How ``heapscope ctl`` shows the daemon's values to people.

Never asks the daemon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heapscope.cli.analysing import show_bytes, show_count, show_optional, show_share
from heapscope.cli.table import Column
from heapscope.units import clean_text, format_bytes, format_count, format_duration_ns

Row = Mapping[str, Any]


def show_time(value: object) -> str:
    """Write a moment in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value)) if isinstance(value, (int, float)) else "-"


def show_pause(value: object) -> str:
    """Write a pause; 0 means that it is not known."""
    return format_duration_ns(value) if isinstance(value, int) and value else "-"


def show_flag(value: object) -> str:
    """Write whether something is so."""
    return "yes" if value else ""


def target_rows(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Give one row per instance; a target without any has one of its own."""
    rows = []
    for target in found:
        for each in target["instances"] or [None]:
            process = each["process"] if each else {}
            reading = (each["reading"] if each else None) or {}
            last = (each["last"] if each else None) or {}
            rows.append(
                {
                    "target": target["name"],
                    "slot": each["slot"] if each else None,
                    "pid": process.get("pid"),
                    "uid": process.get("uid"),
                    "rss_bytes": reading.get("rss_bytes"),
                    "ratio": reading.get("ratio"),
                    "last": last.get("error") or ("ok" if last else None),
                    "next_in_s": each["next_in_s"] if each else None,
                    "held_why": (each["held_why"] if each else "") or None,
                    "command": process.get("command"),
                }
            )
    return rows


def status_text(found: Row) -> str:
    """Say the daemon's figures in some lines."""
    lines = [f"heapscope {found['version']}, running since {show_time(found['started_at'])}"]
    lines.append(f"captures: {found['captures_running']} running, {found['captures_waiting']} waiting")
    if "store_bytes" in found:
        done = f"{format_count(found['captures_ok'])} done, {format_count(found['captures_failed'])} failed"
        lines[-1] += f", {done}; pauses {found['paused_s']:.3f} s, {found['pause_left_s']:.3f} s left"
        kept = f"{format_count(found['store_records'])} records, {format_bytes(found['store_bytes'])}"
        lines.append(f"store: {kept}, {format_bytes(found['free_bytes'])} free")
        lines.append(f"configuration: {found['config_path']}")
        if found["config_error"]:
            lines.append(f"last reload refused: {found['config_error']}")
    return "".join(clean_text(line, 1000) + "\n" for line in lines)


def outcome_line(record: Row) -> str:
    """Say what was captured."""
    size = f"{format_count(record['objects'])} objects, {format_bytes(record['heap_bytes'])}"
    pause = format_duration_ns(record["pause_ns"])
    return f"snap:{clean_text(record['id'], 100)}: {clean_text(record['target'])} pid {record['pid']}, {size}, paused {pause}"


def event_line(event: Row, local: Callable[[float], time.struct_time]) -> str:
    """Say an event in one line."""
    at = time.strftime("%H:%M:%S", local(event["at"]))
    where = event["target"] + ("" if event["slot"] is None else f"/{event['slot']}")
    return clean_text(f"{event['sequence']:>6} {at} {event['kind']:<12} {where:<20} {event['message']}", 1000)


TARGETS = (
    Column("target", "TARGET", show_optional),
    Column("slot", "SLOT", show_optional, is_number=True),
    Column("pid", "PID", show_optional, is_number=True),
    Column("uid", "UID", show_optional, is_number=True, rank=4),
    Column("rss_bytes", "RSS", show_bytes, is_number=True),
    Column("ratio", "OF LIMIT", show_share, is_number=True, rank=3),
    Column("last", "LAST", show_optional),
    Column("held_why", "HELD BACK", show_optional, rank=2),
    Column("command", "COMMAND", show_optional, rank=1, min_width=10),
)
RECORDS = (
    Column("id", "ID", show_optional),
    Column("target", "TARGET", show_optional),
    Column("slot", "SLOT", show_optional, is_number=True, rank=4),
    Column("captured_at", "CAPTURED", show_time),
    Column("kind", "KIND", show_optional, rank=5),
    Column("trigger", "WHY", show_optional, rank=3),
    Column("pid", "PID", show_optional, is_number=True, rank=6),
    Column("objects", "OBJECTS", show_count, is_number=True, rank=2),
    Column("heap_bytes", "HEAP", show_bytes, is_number=True),
    Column("rss_bytes", "RSS", show_bytes, is_number=True),
    Column("pause_ns", "PAUSE", show_pause, is_number=True, rank=7),
    Column("pinned", "PINNED", show_flag, rank=8),
    Column("verdict", "VERDICT", show_optional, rank=1),
)
EVENTS = (
    Column("sequence", "#", show_optional, is_number=True),
    Column("at", "AT", show_time),
    Column("kind", "KIND", show_optional),
    Column("target", "TARGET", show_optional),
    Column("slot", "SLOT", show_optional, is_number=True, rank=1),
    Column("message", "MESSAGE", show_optional, min_width=20),
)
