"""Bytes per character of strings, and which keep their UTF-8 as well, under every CPython found."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.wire.protocol import Flag
from tests.agent_matrix.harness import run_agent
from tests.support.pythons import Python, found_pythons, one_per_release

pytestmark = pytest.mark.integration

_ALL = one_per_release(python for python in found_pythons() if python.minor >= (3, 13) or not python.free_threaded)

TEXTS = """
class Slotted(str): __slots__ = ()
class Sub(str): pass
def cached(text):
    return type(text, (), {}).__name__  # whoever makes a class asks for the UTF-8 of its name, which then is kept
CHARACTERS = {"ascii": "a", "latin": chr(233), "wide": chr(0x416), "widest": chr(0x1F600)}
KEEP = {}
for name, character in CHARACTERS.items():
    for kind in (str, Slotted, Sub):
        KEEP[name + "-" + kind.__name__] = kind(character * 7)
        KEEP[name + "-cached-" + kind.__name__] = cached(kind(character * 8))
        KEEP[name + "-one-" + kind.__name__] = kind(character)
KEEP["other"] = bytes(50)
KEEP["ascii-empty"] = Sub("")
for name, item in KEEP.items(): print(name, id(item))
"""
WIDTHS = {"ascii": 1, "latin": 1, "wide": 2, "widest": 3, "other": 0}


@pytest.mark.parametrize("python", _ALL, ids=lambda python: python.label)
def test_strings_say_how_wide_they_are(python: Python, tmp_path: Path) -> None:
    """Exact ones and subclasses; ASCII shares its characters with its UTF-8. Unknown without a GIL."""
    heap = run_agent(python.path, TEXTS, tmp_path)
    assert heap.error is None
    assert len(heap.lines) >= 38
    for name, (address,) in heap.lines.items():
        flags = heap.objects[address].flags
        width = (flags & Flag.TEXT_WIDTH_MASK) >> Flag.TEXT_WIDTH_SHIFT
        caches = bool(flags & Flag.TEXT_CACHES_UTF8)
        is_cached = "-cached-" in name and not name.startswith("ascii")
        expected = (0, False) if python.free_threaded else (WIDTHS[name.partition("-")[0]], is_cached)
        assert (name, width, caches) == (name, *expected)
