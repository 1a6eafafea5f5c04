"""``heapscope rss``: where the resident memory of a process is, part by part, and whether objects or the allocator hold it.

Never computes anything itself: service reads, analysis splits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import address_text, show_bytes, show_count, show_share
from heapscope.cli.capturing import capture_options_of, open_with_progress
from heapscope.cli.fail_if import Condition, fail_if_option, judge
from heapscope.cli.fail_if_facts import RSS, facts_of_rss
from heapscope.cli.options import (
    DEFAULT_TABLE_LIMIT,
    CaptureChoice,
    OutputChoice,
    capture_options,
    file_options,
    format_option,
    written_by,
)
from heapscope.cli.output import OutputOptions, format_table, write_object
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.errors import SnapshotFileError, UsageError
from heapscope.units import clean_text, format_bytes

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.memory import MemorySplit
    from heapscope.snapshot.memory import MappingFacts, MemoryFacts

_MAX_NOTE = 400
_WIDTH = 100
LABELS = {
    "python_objects": "Python objects",
    "pymalloc_partly_free": "pymalloc, pools partly free",
    "pymalloc_empty": "pymalloc, arenas empty",
    "malloc_used": "malloc in use, not Python's",
    "malloc_free": "malloc free",
    "private": "private mappings",
    "file": "file-backed",
    "shared": "shared",
    "stacks": "thread stacks",
    "unexplained": "unexplained",
}


@click.command("rss", short_help="Say where the resident memory is.")
@click.argument("source")
@click.option(
    "--quick", is_flag=True, help="Without a capture: what the kernel and pymalloc say of the running process."
)
@click.option("--mappings", is_flag=True, help="List the mappings as well, most resident memory first.")
@click.option("--size-classes", is_flag=True, help="List pymalloc's size classes as well: what is free in their pools.")
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), metavar="N", help="At most N mappings; 0 is all. Tables: 30."
)
@written_by(format_option(), *file_options())
@fail_if_option(RSS)
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    quick: bool,
    mappings: bool,
    size_classes: bool,
    limit: int | None,
    out: OutputChoice,
    checks: tuple[Condition, ...],
    capture: CaptureChoice,
) -> int:
    """Say where the resident memory of SOURCE, a pid or a snapshot file, is: parts that add up to the RSS, and a verdict."""
    out.check()
    facts, split = _quick(source) if quick else _captured(source, capture, talk)
    result = row_of(facts, split)
    if mappings:
        shown = (DEFAULT_TABLE_LIMIT if out.format_ == "table" else 0) if limit is None else limit
        chosen = facts.mappings[:shown] if shown else facts.mappings
        result["mappings"] = [_mapping_row(mapping) for mapping in chosen]
    if size_classes:
        result["size_classes"] = _class_rows(facts)
    write_object(result, text_of(result, out.options, talk), out.options)
    if mappings and len(result["mappings"]) < facts.mapping_count:
        talk.say(f"{len(result['mappings'])} of {facts.mapping_count} mappings; -n 0 shows all that are recorded")
    return judge(checks, facts_of_rss(result), talk)


def _quick(source: str) -> tuple[MemoryFacts, MemorySplit]:
    from heapscope.analysis.memory import split_memory  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.service.memory import quick_memory  # noqa: PLC0415 - as above
    from heapscope.service.sources import find_pid  # noqa: PLC0415 - as above
    from heapscope.target.discovery import target_of  # noqa: PLC0415 - psutil, 15 ms
    from heapscope.target.obstacles import HEAD_ROOM_CODES  # noqa: PLC0415 - as above

    pid = find_pid(source)
    if pid is None:
        raise UsageError("--quick looks at a running process, not at a file", hint="heapscope rss PID --quick")
    facts = quick_memory(target_of(pid, ignore=HEAD_ROOM_CODES))
    return facts, split_memory(facts, None)


def _captured(source: str, capture: CaptureChoice, talk: Talk) -> tuple[MemoryFacts, MemorySplit]:
    from heapscope.analysis.memory import split_memory  # noqa: PLC0415 - numpy, 100 ms

    snapshot = open_with_progress(source, capture_options_of(capture), talk)
    if snapshot.memory is None:
        raise SnapshotFileError(
            f"{clean_text(source)} does not say where the memory was", hint="capture it again with this heapscope"
        )
    return snapshot.memory, split_memory(snapshot.memory, snapshot)


def row_of(facts: MemoryFacts, split: MemorySplit) -> dict[str, Any]:
    """Return everything but the lists; the keys are a contract (docs/cli.md)."""
    return {
        "verdict": split.verdict,
        "kind": split.kind.value,
        "rss_bytes": split.rss_bytes,
        "pss_bytes": split.pss_bytes,
        "uss_bytes": split.uss_bytes,
        "swap_bytes": split.swap_bytes,
        "limit_bytes": split.limit_bytes,
        "limit_source": clean_text(split.limit_source, _MAX_NOTE),
        "trim_bytes": split.trim_bytes,
        "unexplained_share": round(split.unexplained_share, 6),
        "heap_walked": split.python_known,
        "frozen": split.is_frozen,
        "allocator": facts.allocator,
        "components": [
            {
                "part": component.part.value,
                "bytes": component.bytes,
                "share": round(component.bytes / split.rss_bytes, 6) if split.rss_bytes else 0.0,
                "notes": [clean_text(note, _MAX_NOTE) for note in component.notes],
            }
            for component in split.components
        ],
        "malloc": _malloc_row(facts),
        "pymalloc": _pymalloc_row(facts),
    }


def _malloc_row(facts: MemoryFacts) -> dict[str, Any] | None:
    found = facts.malloc
    if found is None or not found.is_told_apart:
        return None
    return {
        "arenas": found.arenas,
        "used_bytes": found.used_bytes,
        "used_resident_bytes": found.used_resident,
        "free_bytes": found.free_bytes,
        "free_resident_bytes": found.free_resident,
        "largest_free_bytes": found.largest_free,
        "mapped_blocks": found.mapped_blocks,
        "mapped_bytes": found.mapped_bytes,
        "mapped_resident_bytes": found.mapped_resident,
    }


def _pymalloc_row(facts: MemoryFacts) -> dict[str, Any] | None:
    found = facts.pymalloc
    if found is None:
        return None
    return {
        "arenas": found.arenas,
        "in_use_bytes": found.in_use_bytes,
        "attributed_bytes": found.attributed_bytes,
        "sparse_pools": found.sparse_pools,
        "sparse_bytes": found.sparse_bytes,
    }


def _mapping_row(mapping: MappingFacts) -> dict[str, Any]:
    return {
        "start": address_text(mapping.start),
        "end": address_text(mapping.end),
        "perms": clean_text(mapping.perms, 8),
        "kind": mapping.kind,
        "size_bytes": mapping.end - mapping.start,
        "rss_bytes": mapping.rss_bytes,
        "pss_bytes": mapping.pss_bytes,
        "private_bytes": mapping.private_bytes,
        "swap_bytes": mapping.swap_bytes,
        "path": clean_text(mapping.path, _MAX_NOTE),
    }


def _class_rows(facts: MemoryFacts) -> list[dict[str, Any]]:
    classes = facts.pymalloc.classes if facts.pymalloc else ()
    rows = []
    for each in classes:
        used = each.blocks * each.block_bytes
        total = used + each.free_bytes
        rows.append(
            {
                "block_bytes": each.block_bytes,
                "pools": each.pools,
                "blocks": each.blocks,
                "used_bytes": used,
                "free_bytes": each.free_bytes,
                "used_share": round(used / total, 6) if total else 0.0,
            }
        )
    return sorted(rows, key=lambda row: -row["free_bytes"])


def text_of(result: dict[str, Any], options: OutputOptions, talk: Talk) -> str:
    """Write the same for people: figures, parts with their notes, the verdict, lists."""
    limit = f" of {format_bytes(result['limit_bytes'])} ({result['limit_source']})" if result["limit_bytes"] else ""
    others = ", ".join(f"{name.upper()} {format_bytes(result[f'{name}_bytes'])}" for name in ("pss", "uss", "swap"))
    head = f"RSS {format_bytes(result['rss_bytes'])}{limit}   {others}   unexplained {result['unexplained_share']:.1%}"
    rows = [
        {**row, "label": LABELS[row["part"]], "text": "; ".join(row["notes"])}
        for row in result["components"]
        if row["bytes"] or row["part"] != "unexplained"
    ]
    parts = [head, textwrap.fill(result["verdict"], _WIDTH), "", format_table(rows, COLUMNS, options, talk)]
    lists: Sequence[tuple[str, tuple[Column, ...]]] = (("mappings", MAPPINGS), ("size_classes", CLASSES))
    parts += [format_table(result[key], columns, options, talk) for key, columns in lists if key in result]
    return "\n".join(parts)


COLUMNS = (
    Column("label", "PART", min_width=27),
    Column("bytes", "BYTES", show_bytes, is_number=True),
    Column("share", "SHARE", show_share, is_number=True),
    Column("text", "WHAT IT IS", min_width=20),
)
MAPPINGS = (
    Column("start", "START"),
    Column("perms", "PERMS", rank=2),
    Column("kind", "KIND"),
    Column("size_bytes", "SIZE", show_bytes, is_number=True, rank=1),
    Column("rss_bytes", "RSS", show_bytes, is_number=True),
    Column("private_bytes", "PRIVATE", show_bytes, is_number=True, rank=3),
    Column("swap_bytes", "SWAP", show_bytes, is_number=True, rank=4),
    Column("path", "PATH", min_width=20, keep_end=True),
)
CLASSES = (
    Column("block_bytes", "BLOCK", show_count, is_number=True),
    Column("pools", "POOLS", show_count, is_number=True),
    Column("blocks", "BLOCKS", show_count, is_number=True),
    Column("used_bytes", "USED", show_bytes, is_number=True),
    Column("free_bytes", "FREE", show_bytes, is_number=True),
    Column("used_share", "FULL", show_share, is_number=True),
)
