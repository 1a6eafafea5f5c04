"""Stacks read from a process's memory are those that the process itself sees, on every interpreter found."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from heapscope.inject import make_clone
from heapscope.service.payload import bootstrap_source
from heapscope.target.discovery import target_of
from heapscope.target.line_table import line_of
from heapscope.target.maps import parse_maps
from heapscope.target.memory import read_memory
from heapscope.target.pymalloc import read_pymalloc
from heapscope.target.stack_frames import Frame, Stacks, ThreadStack
from heapscope.target.stacks import read_threads
from tests.support.pythons import Python
from tests.support.read_children import Child, child
from tests.support.targets import PROGRAMS

pytestmark = pytest.mark.integration

DEADLINE_S = 60.0
CELL_CONTENT = 16


@pytest.fixture
def gil_python(any_python: Python) -> Python:
    """Each interpreter with a GIL."""
    if any_python.free_threaded:
        pytest.skip("free-threaded builds have other layouts")
    return any_python


def variables_of(pid: int, frame: Frame) -> dict[str, int]:
    """Return what the variables of a frame refer to, looking through cells; empty ones left out."""
    found = {}
    for held in frame.variables:
        address = int.from_bytes(read_memory(pid, held.address + CELL_CONTENT, 8), "little")
        found[held.name] = address if held.is_cell else held.address
    return {name: address for name, address in found.items() if address}


def as_told(pid: int, told: dict[str, Any], frame: Frame) -> dict[str, Any]:
    """Describe a frame as the target does; the frame object may not exist yet."""
    return {
        "frame": frame.frame_object or told["frame"],
        "name": frame.code.name,
        "qualname": frame.code.qualified_name,
        "file": frame.code.file,
        "line": frame.line,
        "first_line": frame.code.first_line,
        "code": frame.code.address,
        "globals": frame.global_names,
        "builtins": frame.builtins,
        "namespace": None if told["namespace"] is None else frame.namespace,
        "locals": None if told["locals"] is None else variables_of(pid, frame),
    }


def thread_of(stacks: Stacks, ident: int) -> ThreadStack:
    """Return the one thread with that ident."""
    (thread,) = [thread for thread in stacks.threads if thread.ident == ident]
    return thread


def compare(child: Child, stacks: Stacks, truth: dict[str, Any], *, have_objects: bool) -> int:
    """Compare every thread but the one that tells; return the number of frames compared."""
    count = 0
    assert stacks.warnings == ()
    assert {thread.ident for thread in stacks.threads} == {*(told["ident"] for told in truth["threads"]), truth["own"]}
    for told_thread in truth["threads"]:
        thread = thread_of(stacks, told_thread["ident"])
        assert thread.native_id == told_thread["native"]
        assert thread.interpreter == 0
        told_frames = told_thread["frames"]
        assert [frame.code.name for frame in thread.frames] == [told["name"] for told in told_frames]
        for frame, told in zip(thread.frames, told_frames, strict=True):
            assert as_told(child.pid, told, frame) == told
            assert bool(frame.frame_object) or not have_objects
            assert bool(frame.function) == (child.minor >= (3, 11))
            count += 1
    return count


def test_stacks_of_every_shape_are_as_the_interpreter_sees_them(gil_python: Python) -> None:
    """Before anything made frame objects, and after: names, files, lines, addresses of code, namespaces and variables."""
    with child(gil_python, str(PROGRAMS / "stack_shapes.py")) as target:
        before = target.stacks()
        truth = target.ask()
        assert compare(target, before, truth, have_objects=False) > 4000
        compare(target, target.stacks(), target.ask(), have_objects=True)
        held = truth["held"]["made"]
        (frame,) = [frame for thread in before.threads for frame in thread.frames if frame.code.name == "value_stack"]
        on_stack = [each.address for each in frame.stack]
        assert held in (on_stack if frame.stack_depth >= 0 else frame.stack_candidates)
        if gil_python.minor >= (3, 11):
            assert frame.stack_depth >= 1, "the interpreter notes the depth when Python calls Python"


def test_the_clone_has_the_stacks_of_its_target(gil_python: Python) -> None:
    """Threads that do not exist in it included; the borrowed one may have frames of ours on top."""
    with child(gil_python, str(PROGRAMS / "stack_shapes.py")) as target:
        with make_clone(target_of(target.pid), bootstrap=bootstrap_source(), deadline_s=DEADLINE_S) as clone:
            stacks = read_threads(clone.clone_pid, target.image, target.minor)
            figures = read_pymalloc(clone.clone_pid, target.image.runtime, target.minor, parse_maps(clone.clone_pid))
        truth = target.ask()
        assert stacks.warnings == ()
        assert figures is not None
        assert figures.warnings == ()
        exact = 0
        for told in truth["threads"]:
            found = [(frame.code.name, frame.line) for frame in thread_of(stacks, told["ident"]).frames]
            expected = [(frame["name"], frame["line"]) for frame in told["frames"]]
            assert found[-len(expected) :] == expected
            exact += len(found) == len(expected)
        assert exact >= len(truth["threads"]) - 1


LINES_PROGRAM = """
import collections, dis, functools, inspect, json, os, sys, tempfile, threading, typing, types
def codes(code):
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from codes(each)
for module in (collections, dis, functools, inspect, os, tempfile, threading, typing):
    with open(module.__file__, encoding="utf-8") as file:
        source = file.read()
    for code in codes(compile(source, "x", "exec")):
        size = len(code.co_code)
        lines = [None] * (size // 2)
        if sys.version_info >= (3, 10):
            for start, end, line in code.co_lines():
                lines[start // 2:end // 2] = [line] * ((end - start) // 2)
        else:
            starts = list(dis.findlinestarts(code)) + [(size, 0)]
            for (start, line), (end, _) in zip(starts, starts[1:]):
                lines[start // 2:end // 2] = [line] * ((end - start) // 2)
        table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
        print(json.dumps([table.hex(), code.co_firstlineno, lines]))
"""


def test_lines_are_as_the_interpreter_sees_them(gil_python: Python) -> None:
    """Every instruction of thousands of functions of the standard library."""
    done = subprocess.run([str(gil_python.path), "-c", LINES_PROGRAM], capture_output=True, check=True, timeout=120)
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert len(rows) > 500
    for table, first_line, lines in rows:
        data = bytes.fromhex(table)
        step = max(1, len(lines) // 50)
        for index in range(0, len(lines), step):
            assert line_of(gil_python.minor, data, first_line, 2 * index) == (lines[index] or 0)
