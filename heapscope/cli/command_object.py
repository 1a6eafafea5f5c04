"""``heapscope object``: everything that is known about one object.

Never computes anything itself: object_facts.py collects what service and analysis say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from heapscope.cli.analysing import asking, parse_address, show_optional, show_type
from heapscope.cli.capturing import open_checked
from heapscope.cli.fail_if import Condition, fail_if_option, judge
from heapscope.cli.fail_if_facts import OBJECT, facts_of_object
from heapscope.cli.options import CaptureChoice, OutputChoice, capture_options, file_options, format_option, written_by
from heapscope.cli.output import OutputOptions, format_table, write_object
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode
from heapscope.units import format_bytes, format_count, format_exact


@click.command("object", short_help="Say everything that is known about one object.")
@click.argument("source")
@click.argument("address")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many neighbours to name; 0 is all.",
)
@format_option()
@click.option(
    "--draw",
    type=click.Choice(["refs", "backrefs"]),
    help="Instead, draw what it refers to, or what refers to it, with objgraph in a clone of the live process.",
)
@click.option(
    "--depth", type=click.IntRange(1, 10), default=3, show_default=True, metavar="N", help="How many steps to draw."
)
@written_by(*file_options("Write into a file instead of stdout; a drawing into FILE.svg or FILE.dot."))
@fail_if_option(OBJECT)
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    address: str,
    limit: int,
    draw: str | None,
    depth: int,
    out: OutputChoice,
    checks: tuple[Condition, ...],
    capture: CaptureChoice,
) -> int:
    """Say everything that is known about the object at ADDRESS in SOURCE, a pid or a snapshot file."""
    wanted = parse_address(address)
    if draw is not None and checks:
        raise click.UsageError("--fail-if is about figures: it does not go with --draw")
    if draw is not None:
        from heapscope.cli.object_drawing import draw_object  # noqa: PLC0415 - only drawings need it

        draw_object(source, wanted, draw, depth, out, capture, talk)
        return ExitCode.OK
    snapshot = open_checked(source, capture, out, talk)
    with asking(snapshot, talk) as heap:
        from heapscope.cli.object_facts import facts_of  # noqa: PLC0415 - numpy, 100 ms

        facts = facts_of(heap, heap.index_of(wanted), limit)
    write_object(facts, text_of(facts, out.options, talk), out.options)
    return judge(checks, facts_of_object(facts), talk)


def text_of(facts: Mapping[str, Any], options: OutputOptions, talk: Talk) -> str:
    """Write the same for people."""
    lines = [f"{show_type(facts['type'])} at {facts['address']}", *_figures(facts), ""]
    parts = ["\n".join(lines)]
    for title, key, columns in _LISTS:
        rows = facts[key]
        if rows:
            parts.append(f"{title}\n{format_table(rows, columns, options, talk)}")
    for key in ("referrers", "referents"):
        near = facts[key]
        types = ", ".join(f"{format_count(each['count'])} {show_type(each['type'])}" for each in near["types"])
        head = f"{key}: {format_count(near['count'])}" + (f" ({types})" if types else "")
        parts.append(f"{head}\n{format_table(near['first'], _NAMES, options, talk) if near['first'] else ''}")
    return "\n".join(parts)


def _figures(facts: Mapping[str, Any]) -> Sequence[str]:
    counts = facts["refcount"]
    held = counts["held_by_c"]
    seen = f"{format_exact(counts['references_seen'])} references seen"
    if held is None:
        explained = "it says nothing: immortal, or no object of its own"
    elif held > 0:
        explained = f"{seen}, the others held by C code"
    else:
        explained = f"{seen}, {-held} of them own no count" if held else f"{seen}, all accounted for"
    sizes = (
        ("shallow", facts["shallow_bytes"]),
        ("allocated", facts["allocated_bytes"]),
        ("recursive", facts["recursive_bytes"]),
        ("retained", facts["retained_bytes"]),
    )
    lines = [
        ", ".join(f"{name} {format_bytes(size)}" for name, size in sizes),
        f"reference count {format_exact(counts['count'])}: {explained}",
    ]
    if facts["length"] is not None:
        lines.append(f"length {format_exact(facts['length'])}")
    if facts["dict_state"] is not None:
        lines.append(f"attributes: {facts['dict_state']}")
    if facts["flags"]:
        lines.append("flags: " + ", ".join(facts["flags"]))
    if facts["root"] is not None:
        lines.append(f"is a root: {facts['root']['kind']} {facts['root']['label']}".rstrip())
    lines.append(f"alive by way of: {facts['path']}" if facts["is_reachable"] else "garbage that awaits collection")
    return lines


_NAMES = (
    Column("type", "TYPE", show_type, min_width=26, keep_end=True),
    Column("address", "ADDRESS", show_optional),
)
_SIZED = (*_NAMES, Column("retained_bytes", "RETAINED", lambda value: format_bytes(int(str(value))), is_number=True))
_LISTS = (
    ("shortest way from a root:", "root_path", _NAMES),
    ("held alone by (dominators, closest first):", "dominators", _SIZED),
)
