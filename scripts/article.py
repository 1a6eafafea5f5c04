#!/usr/bin/env python3
"""Rerun the stress test of the article on __slots__ on every CPython found: 100,000 DataItem(name, age, address).

    python scripts/article.py [--count 100000] [--format table|json] [--markdown] [PYTHON ...]

First table: what the article's ways of measuring say, and what is true: per version, a class with a dict / with slots. Second
table: what the naive formula, pympler and heapscope say of one instance, values not counted, beside tracemalloc.

    getsizeof     of one item, which leaves the dict out
    get_size      the article's recipe, which counts the dict, the names of the attributes and the values
    tracemalloc   requested bytes of all items;  RSS  growth of the process
    block         bytes of an item in the allocator's own count;  creation  processor time with slots, compared with a dict
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.analysis.slots.costs import class_costs
from heapscope.analysis.slots.population import Population
from heapscope.service.capture import capture
from scripts.benching.environments import environment_with, packages_for
from scripts.benching.report import markdown
from tests.support.pythons import Python, probe, usual_pythons

PROGRAM = ROOT / "tests" / "integration" / "targets" / "slots_article.py"
TIMEOUT_S = 300
SIDE_BY_SIDE = 2000  # instances
COMPARED = ((3, 8), (3, 11), (3, 13))  # and the newest
SHAPES = {
    "three": "3 attributes",
    "thirty": "30 attributes",
    "dict_read": "3, `__dict__` read once",
    "list": "list subclass, 2 attributes",
    "three_slots": "3 slots",
    "weak_slots": "3 slots and `__weakref__`",
}
Figures = dict[str, Any]


def words(python: Python, *arguments: str) -> list[str]:
    """Return the command line of one measurement."""
    return [str(python.path), str(PROGRAM), *arguments]


def ask(python: Python, *arguments: str, packages: Path | None = None) -> Figures:
    """Run one measurement in a process of its own."""
    environment = environment_with(packages)
    done = subprocess.run(
        words(python, *arguments), capture_output=True, check=True, timeout=TIMEOUT_S, env=environment, text=True
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def stress(python: Python, count: int) -> Figures:
    """Both kinds of class under one interpreter."""
    return {
        "python": python.label,
        "count": count,
        "creation": ask(python, "creation", "both", str(count)),
        **{kind: ask(python, "stress", kind, str(count)) for kind in ("dict", "slots")},
    }


def side_by_side(python: Python, shape: str, packages: Path | None) -> Figures:
    """What is said and what is true of one shape."""
    said = ask(python, "say", shape, str(SIDE_BY_SIDE), packages=packages)
    with subprocess.Popen(
        words(python, "trace", shape, str(SIDE_BY_SIDE)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment_with(None),
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            found = json.loads(process.stdout.readline())
            population = Population(capture(process.pid))
        finally:
            process.stdin.close()
            process.wait(TIMEOUT_S)
    info = next(each for each in population.snapshot.types if each.name == found["type"])
    facts = population.facts_of(info)
    assert facts is not None
    costs = class_costs(facts, population)
    return {
        "python": python.label,
        "shape": shape,
        "naive": said["naive"],
        "pympler": said["pympler"],
        "heapscope": costs.now.requested / costs.instances,
        "tracemalloc": found["traced"],
    }


def _both(row: Figures, key: str, scale: float = 1.0, digits: int = 0) -> str:
    return " / ".join(f"{row[kind][key] / scale:.{digits}f}" for kind in ("dict", "slots"))


def stress_table(rows: list[Figures]) -> str:
    """Write the first table."""
    head = ["CPython", "getsizeof", "get_size", "tracemalloc MiB", "RSS MiB", "block", "ratio", "creation"]
    mib = float(1 << 20)
    return markdown(
        head,
        [
            [
                row["python"],
                _both(row, "getsizeof"),
                _both(row, "get_size"),
                _both(row, "traced", mib, 2),
                _both(row, "resident", mib, 2),
                _both(row, "block"),
                f"{row['dict']['block'] / row['slots']['block']:.2f}",
                f"{100 * (row['creation']['slots'] / row['creation']['dict'] - 1):+.0f} %",
            ]
            for row in rows
        ],
    )


def _beside(figure: float | None, truth: float) -> str:
    """Write a figure, and its error in brackets."""
    if figure is None:
        return "-"
    error = round(figure - truth)
    return f"{figure:.0f}" if error == 0 else f"{figure:.0f} ({error:+d})"


def side_table(rows: list[Figures]) -> str:
    """Write the second table."""
    head = ["requested bytes per instance", "CPython", "naive", "pympler", "heapscope", "tracemalloc"]
    return markdown(
        head,
        [
            [
                SHAPES[row["shape"]],
                row["python"],
                *(_beside(row[key], row["tracemalloc"]) for key in ("naive", "pympler", "heapscope")),
                f"{row['tracemalloc']:.0f}",
            ]
            for row in rows
        ],
    )


def compared(pythons: list[Python]) -> list[Python]:
    """Choose the versions of the second table: those named, and the newest."""
    newest = {python.minor: python for python in pythons if not python.debug}
    return [newest[minor] for minor in sorted(newest) if minor in COMPARED or minor == max(newest)]


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--markdown", action="store_true", help="only the two tables, as README has them")
    parser.add_argument("python", nargs="*", type=Path)
    options = parser.parse_args()
    given = [one for path in options.python if (one := probe(path))]
    pythons = given or [python for python in usual_pythons() if not python.debug]
    first = [stress(python, options.count) for python in pythons]
    second = []
    for python in compared(pythons):
        packages = packages_for(str(python.path), ("pympler",))
        second += [side_by_side(python, shape, packages) for shape in SHAPES]
    second.sort(key=lambda row: list(SHAPES).index(row["shape"]))
    if options.format == "json":
        print(json.dumps({"stress": first, "side_by_side": second}, indent=1))
    else:
        if not options.markdown:
            print(f"{options.count} DataItem(name, age, address); dict / slots\n")
        print(stress_table(first), side_table(second), sep="\n\n")


if __name__ == "__main__":
    main()
