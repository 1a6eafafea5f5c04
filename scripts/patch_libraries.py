"""Patch classes of real libraries, in copies of them, and measure what that saves.

For each class: a process holds instances, heapscope captures it and writes the diff, ``patch`` applies it to another copy, and both copies are
measured with tracemalloc and put to the same smoke test. Never touches an installed library.

    patch_libraries.py [--python PYTHON] [--json FILE] [TYPE ...]

PYTHON has the libraries of requirements-libraries-lock.txt; by default scripts/server_environment.py makes it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.slots import advise
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import Snapshot

PROGRAM = ROOT / "scripts" / "patching" / "library_classes.py"
COMPARED = ("copies", "smoke", "imports", "tests")


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """One class: bytes per instance as requested from the allocator, and what went wrong ("" if nothing)."""

    type_name: str
    now: int
    predicted: int
    measured_now: int
    measured_slots: int
    trouble: str
    lines: int

    @property
    def measured(self) -> int:
        """What one instance saves."""
        return self.measured_now - self.measured_slots


def main() -> int:
    """Patch, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default="")
    parser.add_argument("--json", default="")
    parser.add_argument("types", nargs="*")
    given = parser.parse_args()
    python = given.python or _made_environment()
    names = given.types or _run(python, "cases").split()
    outcomes = []
    print(f"{'CLASS':44}{'NOW':>6}{'SAVES: PREDICTED':>18}{'MEASURED':>10}{'DIFF LINES':>12}  TROUBLE", flush=True)
    with tempfile.TemporaryDirectory(prefix="heapscope-patch-") as folder:
        for name in names:
            each = patch_one(python, name, Path(folder) / name)
            figures = f"{each.measured_now:6}{each.predicted:18}{each.measured:10}{each.lines:12}"
            print(f"{each.type_name:44}{figures}  {each.trouble}", flush=True)
            outcomes.append(each)
    if given.json:
        Path(given.json).write_text(
            json.dumps([{**dataclasses.asdict(each), "measured": each.measured} for each in outcomes])
        )
    return 1 if any(each.trouble or each.predicted != each.measured for each in outcomes) else 0


def patch_one(python: str, name: str, folder: Path) -> Outcome:
    """Do it all for one class, in a folder of its own."""
    package = name.partition(".")[0]
    before, after = folder / "before", folder / "after"
    source = Path(_run(python, "where", package))
    shutil.copytree(source, before / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(before / package, after / package)
    diff = folder / "change.diff"
    with _held(python, name, before) as pid:
        snapshot = capture(pid, CaptureOptions())
        saved = folder / "snapshot.heapscope"
        save_snapshot(snapshot, saved)
        words = [sys.executable, "-m", "heapscope", "slots", str(saved), "--patch", "--type", name, "-o", str(diff)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(words, cwd=before, env=environment, capture_output=True, text=True, check=False)
    now, predicted = predict(load_snapshot(str(saved)), name)
    trouble = (
        "" if done.returncode == 0 and diff.exists() and diff.stat().st_size else f"no diff: {done.stderr.strip()}"
    )
    if not trouble:
        with diff.open("rb") as stream:
            applied = subprocess.run(
                ["patch", "-p1", "--force"], stdin=stream, cwd=after, capture_output=True, text=True, check=False
            )
        trouble = "" if applied.returncode == 0 else f"patch: {applied.stdout.strip()}"
    one = _measured(python, name, before)
    other = _measured(python, name, after) if not trouble else one
    lines = sum(1 for line in diff.read_bytes().splitlines() if line[:1] in b"+-") - 2 if diff.exists() else 0
    return Outcome(
        name, now, predicted, one["bytes"], other["bytes"], trouble or _differences(one, other, after), lines
    )


def predict(snapshot: Snapshot, name: str) -> tuple[int, int]:
    """Give what an instance costs now, and what it would save, as heapscope says: requested bytes."""
    for row in advise(snapshot):
        if row.type_name == name:
            saved = row.requested_now - row.requested_slots
            return row.requested_now // row.instances, saved // row.instances
    raise SystemExit(f"{name} has no instances")


def _differences(one: dict[str, Any], other: dict[str, Any], after: Path) -> str:
    found = [f"{key}: {one[key]!r:.300} became {other[key]!r:.300}" for key in COMPARED if one[key] != other[key]]
    if other["has_dict"]:
        found.append("instances still have a __dict__")
    if not other["file"].startswith(str(after)):
        found.append(f"measured another copy: {other['file']}")
    if not one["is_type"] or not other["is_type"]:
        found.append("instances are of another class")
    found += [f"failed: {each}" for each in other["tests"] if not each.endswith(": OK")]
    return "; ".join(found)


@contextlib.contextmanager
def _held(python: str, name: str, folder: Path) -> Iterator[int]:
    words = [python, str(PROGRAM), "hold", name]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"no instances of {name}")
            yield process.pid
        finally:
            process.stdin.close()


def _measured(python: str, name: str, folder: Path) -> dict[str, Any]:
    text = _run(python, "measure", name, folder=folder)
    found: dict[str, Any] = json.loads(text.rpartition("RESULT ")[2])
    return found


def _run(python: str, *words: str, folder: Path | None = None) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder) if folder else "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run([python, str(PROGRAM), *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def _made_environment() -> str:
    words = [sys.executable, str(ROOT / "scripts" / "server_environment.py"), "libraries"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
