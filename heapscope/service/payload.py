"""Packs what runs in the clone: the bootstrap's text, and the sources of wire and agent as one payload.

Never imports heapscope.agent: its modules are data here. Reads package files, does no other I/O.
"""

from __future__ import annotations

import functools
from importlib.resources import files

from heapscope.wire.protocol import MAX_PAYLOAD_SOURCE_SIZE

_PACKED_PACKAGES = ("heapscope.wire", "heapscope.agent")
_NOT_PACKED = frozenset({"heapscope.agent.bootstrap", "heapscope.agent.loader", "heapscope.agent.script"})
_START = """
make_import(SOURCES, sys)("heapscope.agent.main", None, None, ("run",)).run(
    sys, posix, gc, early, unfrozen, own_frames, globals()
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
    """Return the source (UTF-8) that the bootstrap executes; at most MAX_PAYLOAD_SOURCE_SIZE bytes."""
    sources = _sources()
    packed = {name: text for name, text in sources.items() if name not in _NOT_PACKED}
    source = f"SOURCES = {packed!r}\n{sources['heapscope.agent.loader']}{_START}".encode()
    if len(source) > MAX_PAYLOAD_SOURCE_SIZE:
        raise AssertionError("the payload has outgrown its limit")
    return source
