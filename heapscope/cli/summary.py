"""One screen of text about a snapshot: what the UI's overview shows, for pipes and logs.

Never asks a question and never waits for a key.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from heapscope.cli.analysing import show_type
from heapscope.cli.command_slots import COLUMNS as SLOTS_COLUMNS
from heapscope.cli.command_slots import slots_rows
from heapscope.cli.command_snapshot import summary_line
from heapscope.cli.command_types import COLUMNS as TYPES_COLUMNS
from heapscope.cli.command_types import for_people, type_rows
from heapscope.cli.output import OutputOptions, format_table
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_bytes, format_delta

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.snapshot.model import Snapshot

TYPES_SHOWN = 12  # together with the slots and the headings one screen of 24 lines
SLOTS_SHOWN = 5


def has_terminal() -> bool:
    """Whether somebody sits there: the UI needs both directions."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def summary_text(snapshot: Snapshot, talk: Talk, *, path: str | None = None, baseline: Snapshot | None = None) -> str:
    """Write figures, the largest types, and the best candidates for slots."""
    meta = snapshot.meta
    options = OutputOptions()
    lines = [summary_line(snapshot, path), clean_text(meta.command, 160)]
    if meta.rss_before_bytes:
        lines.append(f"RSS {format_bytes(meta.rss_before_bytes)} before, {format_bytes(meta.rss_after_bytes)} after")
    types = [for_people(row) for row in type_rows(snapshot, recursive=True, retained=True, talk=talk)[:TYPES_SHOWN]]
    parts = ["\n".join(lines) + "\n", format_table(types, TYPES_COLUMNS, options, talk)]
    slots = [row for row in slots_rows(snapshot, min_instances=1) if row["saves_bytes"] > 0][:SLOTS_SHOWN]
    if slots:
        parts.append(format_table(slots, SLOTS_COLUMNS, options, talk))
    if baseline is not None:
        parts.append(_growth_text(snapshot, baseline))
    return "\n".join(parts)


def _growth_text(snapshot: Snapshot, baseline: Snapshot) -> str:
    """Write what grew most since the baseline."""
    before = {row["type"]: row for row in type_rows(baseline, recursive=False)}
    none = {"count": 0, "shallow_bytes": 0}
    changes = [
        (row["shallow_bytes"] - before.get(row["type"], none)["shallow_bytes"], row["count"], row["type"])
        for row in type_rows(snapshot, recursive=False)
    ]
    grown = sorted((change for change in changes if change[0] > 0), reverse=True)[:SLOTS_SHOWN]
    lines = ["grown since the baseline:" if grown else "nothing has grown since the baseline"]
    lines += [f"  {format_delta(size)}  {show_type(name)} (now {count})" for size, count, name in grown]
    return "\n".join(lines) + "\n"
