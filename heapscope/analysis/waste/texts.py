"""Texts that take two or four bytes a character, and texts that keep a copy of themselves as UTF-8.

Never guesses: where a capture did not record how wide texts are, there is nothing to find.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heapscope.analysis.waste import sizes
from heapscope.analysis.waste.model import Finding, I64Array, Pattern, Precision
from heapscope.analysis.waste.parts import STR, BoolArray, HeapParts
from heapscope.snapshot.model import U32Array
from heapscope.wire.protocol import Flag

_BYTES_OBJECT = 33  # bytesobject.c: head, and the zero byte at the end
_WIDE_FIX = (
    "one character outside Latin-1 widens all of its text: keep texts that are seldom read as UTF-8 bytes "
    "(text.encode()), or strip what need not be there (emoji, typographic quotes, no-break spaces)"
)
_UTF8_FIX = (
    "C code asked for their UTF-8 (PyUnicode_AsUTF8: database drivers, C extensions), which stays with the text: hand over "
    "text.encode() instead, or let the text go after the call"
)


def records_width(parts: HeapParts) -> bool:
    """Tell whether the capture recorded how wide texts are: every process has some text."""
    found = parts.snapshot.flags & np.uint32(Flag.TEXT_WIDTH_MASK)
    return bool(found.any())


def find_texts(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find wide texts, and cached UTF-8. O(texts)."""
    if not records_width(parts):
        return
    texts = parts.of_kind(STR)
    code = (parts.snapshot.flags[texts] & np.uint32(Flag.TEXT_WIDTH_MASK)) >> np.uint32(Flag.TEXT_WIDTH_SHIFT)
    widths = np.array([0, 1, 2, 4], dtype=np.int64)[code]
    cached = _cached_bytes(parts, texts, widths)
    yield from _wide(parts, texts, widths, least)
    yield from _finding(parts, Pattern.CACHED_UTF8, texts, sizes.blocks(cached), cached > 0, least)


def _cached_bytes(parts: HeapParts, texts: U32Array, widths: I64Array) -> I64Array:
    """A text that is ASCII is its own UTF-8; the cache of another is what its size is over that of its characters."""
    lengths = parts.snapshot.length[texts]
    has_cache = parts.has_flag(texts, Flag.TEXT_CACHES_UTF8) & (widths > 0) & (lengths > 0)
    extra = parts.snapshot.shallow[texts].astype(np.int64) - sizes.text_bytes(widths, lengths, parts.version)
    # UTF-8 takes one to four bytes a character, and a zero byte.
    is_plausible = has_cache & (extra > lengths) & (extra <= 4 * lengths + 1)
    return np.where(is_plausible, extra, 0)


def _wide(parts: HeapParts, texts: U32Array, widths: I64Array, least: int) -> Iterator[Finding]:
    """At best one character makes it wide: then UTF-8 takes a byte for each other one, and ``width`` for it."""
    lengths = parts.snapshot.length[texts]
    now = sizes.blocks(sizes.text_bytes(widths, lengths, parts.version))
    then = sizes.blocks(_BYTES_OBJECT + lengths + np.where(widths == 4, 3, 1))
    saves = np.where(widths >= 2, now - then, 0)
    yield from _finding(parts, Pattern.WIDE_TEXT, texts, saves, saves > 0, least)


def _finding(
    parts: HeapParts, pattern: Pattern, texts: U32Array, saves: I64Array, chosen: BoolArray, least: int
) -> Iterator[Finding]:
    if int(saves[chosen].sum()) < max(least, 1):
        return
    is_wide = pattern is Pattern.WIDE_TEXT
    yield Finding(
        pattern=pattern,
        subject="texts with two or four bytes a character" if is_wide else "texts that keep their UTF-8 too",
        type_name="builtins.str",
        objects=texts[chosen],
        now=parts.allocated(texts[chosen]),
        saves=saves[chosen].astype(np.uint64),
        fix=_WIDE_FIX if is_wide else _UTF8_FIX,
        precision=Precision.AT_MOST if is_wide else Precision.EXACT,
        splits=True,
    )
