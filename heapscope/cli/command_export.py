"""``heapscope export``: a heap in the format of another program.

Never writes part of a file: it appears whole, or not at all.
"""

from __future__ import annotations

import click

from heapscope.cli.analysing import asking
from heapscope.cli.capturing import open_checked
from heapscope.cli.options import CaptureChoice, OutputChoice, capture_options, file_options, format_option, written_by
from heapscope.cli.output import OutputOptions, open_output, write_object
from heapscope.cli.talk import Talk
from heapscope.errors import UsageError
from heapscope.units import clean_text, format_bytes, format_count

# Those of service/exporting.py, which costs numpy to import; a test compares them.
FORMATS = ("json", "csv", "parquet", "pprof", "folded", "heapsnapshot", "dot")
TABLES = ("objects", "types", "references", "roots", "instances")


@click.command("export", short_help="Write a heap in the format of another program.")
@click.argument("source")
@click.option("--to", "kind", type=click.Choice(FORMATS), required=True, help="The format.")
@click.option(
    "--table",
    "tables",
    type=click.Choice(TABLES),
    multiple=True,
    help="Which table: json takes several, csv and parquet one. Default: types; json: types, roots, instances.",
)
@click.option(
    "--value",
    type=click.Choice(["bytes", "objects"]),
    default="bytes",
    show_default=True,
    help="What the number behind a folded stack counts.",
)
@written_by(
    click.option("--no-header", is_flag=True, help="Leave out the heading of CSV."),
    *file_options("Write into a file instead of stdout; Parquet needs one."),
    format_option(text="How to write the summary that follows a file."),
)
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    kind: str,
    tables: tuple[str, ...],
    value: str,
    out: OutputChoice,
    capture: CaptureChoice,
) -> None:
    """Write the heap of SOURCE, a pid or a snapshot file, for other programs to read.

    json, csv and parquet hold tables; pprof, folded and dot the dominator tree merged by type; heapsnapshot the whole graph, for
    Chrome's developer tools.
    """
    from heapscope.service.exporting import ExportChoice, check_choice, write_export  # noqa: PLC0415 - numpy, 100 ms

    choice = ExportChoice(kind, tables, of_objects=value == "objects", header=not out.no_header)
    check_choice(choice)
    if kind == "parquet" and out.output is None:
        raise UsageError("a Parquet file is not written to stdout", hint="name a file with -o")
    snapshot = open_checked(source, capture, out, talk)
    with asking(snapshot, talk) as heap, open_output(out.output, force=out.force) as opened:
        write_export(heap, ExportChoice(kind, tables, choice.of_objects, choice.header, opened.path), opened.write)
        size = opened.size()
    if out.output is None:
        return
    facts = {
        "path": out.output,
        "format": kind,
        "bytes": size,
        "objects": snapshot.object_count,
        "heap_bytes": snapshot.heap_bytes,
    }
    counted = f"{format_count(snapshot.object_count)} objects, {format_bytes(snapshot.heap_bytes)}"
    text = f"{counted} -> {clean_text(out.output, 500)} ({kind}, {format_bytes(size)})\n"
    write_object(facts, text, OutputOptions(format=out.format_))
