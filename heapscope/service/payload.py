"""Packs what runs in the clone: the bootstrap's text, and the sources of wire and agent as one payload.

Never imports heapscope.agent: its modules are data here. Reads package files, does no other I/O.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from heapscope.wire.protocol import MAX_PAYLOAD_SOURCE_SIZE

_PACKED_PACKAGES = ("heapscope.wire", "heapscope.agent")
_NOT_PACKED = frozenset({"heapscope.agent.bootstrap", "heapscope.agent.loader", "heapscope.agent.script"})
_DRAWS = frozenset({"heapscope.agent.drawing", "heapscope.agent.guard", "heapscope.agent.holding"})
_START = """
make_import(SOURCES, sys)("heapscope.agent.main", None, None, ("run",)).run(
    sys, posix, gc, early, unfrozen, own_frames, globals()
)
"""
_START_DRAWING = """
make_import(SOURCES, sys)("heapscope.agent.drawing", None, None, ("run",)).run(
    sys, posix, gc, early, own_frames, globals(), OBJGRAPH
)
"""


@functools.cache
def _sources() -> dict[str, str]:
    sources: dict[str, str] = {}
    for package in _PACKED_PACKAGES:
        for entry in sorted(files(package).iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                name = f"{package}.{entry.name.removesuffix('.py')}".removesuffix(".__init__")
                sources[name] = entry.read_text(encoding="utf-8")
    return sources


def bootstrap_source() -> str:
    """Return one expression statement that runs the bootstrap in a namespace of its own."""
    return f"exec({_sources()['heapscope.agent.bootstrap']!a}, {{'__name__': '<heapscope>'}})\n"


@functools.cache
def build_payload() -> bytes:
    """Return the source (UTF-8) that the bootstrap executes for a capture; at most MAX_PAYLOAD_SOURCE_SIZE bytes."""
    return _pack(_NOT_PACKED | _DRAWS, _START)


def build_drawing_payload() -> bytes:
    """Return the source (UTF-8) that the bootstrap executes for a picture: the agent, and objgraph as data.

    Raises:
        ImportError: objgraph is not installed.
    """
    spec = importlib.util.find_spec("objgraph")
    if spec is None or spec.origin is None:
        raise ImportError("objgraph")
    source = Path(spec.origin).read_text(encoding="utf-8")
    return _pack(_NOT_PACKED, f"OBJGRAPH = {source!r}\n{_START_DRAWING}")


def _pack(left_out: frozenset[str], start: str) -> bytes:
    sources = _sources()
    packed = {name: text for name, text in sources.items() if name not in left_out}
    source = f"SOURCES = {packed!r}\n{sources['heapscope.agent.loader']}{start}".encode()
    if len(source) > MAX_PAYLOAD_SOURCE_SIZE:
        raise AssertionError("the payload has outgrown its limit")
    return source


def load_packed(name: str) -> Any:  # noqa: ANN401 - sources are data to the type checker
    """Load one of the packed modules into this process, once, beside sys.modules: for objects of our own (own_process.py).

    Raises:
        ImportError: there is no such module.
    """
    return _import_here()(name, None, None, (name,))


@functools.cache
def _import_here() -> Callable[..., Any]:
    namespace: dict[str, Any] = {}
    exec(compile(_sources()["heapscope.agent.loader"], "<heapscope>/loader", "exec"), namespace)  # noqa: S102 - our own source
    packed = {name: text for name, text in _sources().items() if name not in _NOT_PACKED}
    make_import: Callable[..., Any] = namespace["make_import"](packed, sys)
    return make_import
