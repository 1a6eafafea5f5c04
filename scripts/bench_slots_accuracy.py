#!/usr/bin/env python3
"""Print, for every CPython found and every shape of class, by how many bytes heapscope's figures differ from the allocator's.

    python scripts/bench_slots_accuracy.py [--instances 200] [--collector native|python] [--shapes NAME,...] [--format table|json] [PYTHON ...]

A cell is the error of all instances together, requested / allocated bytes; "." is none, "~" an error that the output announces
as possible, "-" a shape that this version does not have. Exit code 3 where a figure is wrong and does not say so.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.errors import ExitCode
from tests.support.pythons import Python, probe, usual_pythons
from tests.support.slots_accuracy import Comparison, compare_under

Table = dict[tuple[str, str], dict[str, Comparison]]


def cell(found: Comparison | None) -> str:
    """Write one error."""
    if found is None:
        return "-"
    if found.is_right:
        return "."
    error = found.error
    text = "none" if error is None else f"{error.requested:+}/{error.allocated:+}"
    return f"~{text}" if found.doubts else text


def row_of(label: str, found: Comparison) -> dict[str, Any]:
    """Return one comparison as JSON has it."""
    return {
        "python": label,
        "shape": found.shape,
        "what": found.what,
        "instances": found.instances,
        "predicted_requested": found.predicted.requested if found.predicted else None,
        "predicted_allocated": found.predicted.allocated if found.predicted else None,
        "measured_requested": found.measured.requested,
        "measured_allocated": found.measured.allocated,
        "doubts": list(found.doubts),
    }


def write_table(table: Table, labels: list[str]) -> None:
    """Write shapes down and versions across, and the sums below."""
    width = max(len(f"{shape} {what}") for shape, what in table)
    print("".ljust(width), *(label.rjust(11) for label in labels))
    for (shape, what), cells in table.items():
        print(f"{shape} {what}".ljust(width), *(cell(cells.get(label)).rjust(11) for label in labels))
    for name, wanted in (("compared", lambda one: True), ("right", lambda one: one.is_right)):
        counts = [sum(wanted(cells[label]) for cells in table.values() if label in cells) for label in labels]
        print(name.ljust(width), *(str(count).rjust(11) for count in counts))


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--collector", choices=["native", "python"], default="native")
    parser.add_argument("--shapes", default="", help="names, separated by commas")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("python", nargs="*", type=Path)
    options = parser.parse_args()
    pythons: list[Python] = [one for path in options.python if (one := probe(path))] or [
        one for one in usual_pythons() if not one.debug
    ]
    shapes = [name for name in options.shapes.split(",") if name]
    table: Table = {}
    for python in pythons:
        for one in compare_under(python, options.instances, collector=options.collector, shapes=shapes):
            table.setdefault((one.shape, one.what), {})[python.label] = one
    found = [(label, one) for cells in table.values() for label, one in cells.items()]
    if options.format == "json":
        print(json.dumps([row_of(label, one) for label, one in found], indent=1))
    else:
        write_table(table, [python.label for python in pythons])
    wrong = any(not one.is_right and not one.doubts for _, one in found)
    return ExitCode.CHECK_FAILED if wrong else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
