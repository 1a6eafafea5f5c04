"""The other tools: how each is attached to a target, and what it does when it can only be run inside.

Every program writes the number of objects that it saw to a file; only that file says that it worked.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

OBJGRAPH = """
import objgraph
seen = sum(objgraph.typestats().values())
"""
MUPPY = """
from pympler import muppy, summary
objects = muppy.get_objects()
rows = summary.summarize(objects)
seen = len(objects)
del objects
"""
GUPPY = """
from guppy import hpy
heap = hpy().heap()
seen, shown = heap.count, str(heap)
del heap
"""
PYHEAP = """
given = {{"heap_file": {folder!r} + "/pyheap", "str_repr_len": 1000, "progress_file": ""}}
exec(compile(open({path!r}).read(), {path!r}, "exec"), given)
assert not given["result_error"], given["result_error"]
seen = given["result"].partition("Visited ")[2].split()[0]
"""
WRITE = """
with open({result!r}, "w") as stream:
    stream.write(str(seen))
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool. ``attach`` are the words that attach it to {pid}, run by the host; ``code`` is what runs inside the target."""

    name: str
    requirements: tuple[str, ...]
    code: str
    attach: tuple[str, ...] = ()
    needs_file: bool = False
    needs_work: bool = False  # waits for the target's main thread to do something: the target has it work meanwhile
    note: str = ""

    def program(self, folder: Path, path: str) -> str:
        """Return the whole program for the target; ``path`` is of a file that the tool is, where it is no package."""
        code = self.code.format(folder=str(folder), path=path) if self.needs_file else self.code
        return code + WRITE.format(result=str(folder / "seen"))

    def words(self, pid: int, folder: Path, python: str) -> list[str]:
        """Return the command that attaches the tool; ``python`` is the target's interpreter, for tools that live there."""
        return [word.format(pid=pid, folder=folder, python=python) for word in self.attach]


_PYRASITE = (sys.executable, "-m", "pyrasite.main", "{pid}", "{folder}/program.py")
PEERS = (
    Peer("pyrasite + objgraph", ("objgraph",), OBJGRAPH, _PYRASITE, note="objects that the collector tracks"),
    Peer("pyrasite + pympler muppy", ("pympler",), MUPPY, _PYRASITE),
    Peer("guppy3", ("guppy3",), GUPPY, note="made to run in the process"),
    Peer("PyHeap dumper", (), PYHEAP, needs_file=True, note="its dumper alone, without gdb"),
    Peer(
        "memray attach",
        ("memray",),
        "",
        ("{python}", "-m", "memray", "attach", "--output", "{folder}/memray", "--duration", "1", "{pid}"),
        needs_work=True,
        note="sees new allocations only, here of one second",
    ),
)
