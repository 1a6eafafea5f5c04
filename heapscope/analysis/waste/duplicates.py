"""Texts and bytes of the same content kept several times.

Never shows a content, but for a text that is a name: heapscope knows no other. Equal are those with equal fingerprints,
lengths and types.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heapscope.analysis.waste.model import Finding, I64Array, Pattern
from heapscope.analysis.waste.parts import BYTES, STR, HeapParts
from heapscope.snapshot.model import U32Array, U64Array
from heapscope.units import clean_text, format_bytes, format_count
from heapscope.wire.protocol import Flag

_SHOWN_CONTENTS = 3
_FIXES = {
    STR: "keep one of each: sys.intern(text) where they are made, or a dict that gives back the first equal one",
    BYTES: "keep one of each: a dict that gives back the first equal one, where they are made",
}
_TYPES = {STR: ("texts", "builtins.str"), BYTES: ("bytes", "builtins.bytes")}


def find_duplicates(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find copies; one of each content is not counted. O(texts log texts)."""
    snapshot = parts.snapshot
    for kind in (STR, BYTES):
        parts.oversight.check()
        objects = parts.of_kind(kind)
        objects = objects[snapshot.fingerprint[objects] != 0]
        objects = objects[np.argsort(snapshot.fingerprint[objects], kind="stable")]
        content = snapshot.fingerprint[objects]
        lengths = snapshot.length[objects]
        is_new = np.ones(objects.size, dtype=np.bool_)
        is_new[1:] = (content[1:] != content[:-1]) | (lengths[1:] != lengths[:-1])
        starts = np.flatnonzero(is_new)
        if not starts.size:
            continue
        sizes = np.diff(np.append(starts, objects.size))
        saves = _savings(parts, objects, starts, sizes)
        is_copy = np.repeat(sizes > 1, sizes)
        if int(saves[is_copy].sum()) >= max(least, 1):
            yield _finding(parts, kind, objects[is_copy], saves[is_copy])


def _savings(parts: HeapParts, objects: U32Array, starts: I64Array, sizes: I64Array) -> U64Array:
    """Give what each object of runs of equal ones stands for: nothing for the one that stays, the largest or all immortal ones."""
    saves = parts.allocated(objects)
    is_immortal = parts.has_flag(objects, Flag.IMMORTAL)
    is_largest = saves == np.repeat(np.maximum.reduceat(saves, starts), sizes)
    stays = np.minimum.reduceat(np.where(is_largest, np.arange(objects.size), objects.size), starts)
    saves[stays[~np.logical_or.reduceat(is_immortal, starts)]] = 0
    saves[is_immortal] = 0
    return saves


def _finding(parts: HeapParts, kind: int, objects: U32Array, saves: U64Array) -> Finding:
    word, type_name = _TYPES[kind]
    return Finding(
        pattern=Pattern.DUPLICATES,
        subject=f"{word} with the same content",
        type_name=type_name,
        objects=objects,
        now=parts.allocated(objects),
        saves=saves,
        fix=_FIXES[kind],
        describe=lambda some: _describe(parts, kind, some),
        splits=True,
    )


def _describe(parts: HeapParts, kind: int, objects: U32Array) -> tuple[str, ...]:
    """Say how many contents there are, and which of them cost most; a content is shown if it is a name."""
    snapshot = parts.snapshot
    _, first, which, counts = np.unique(
        snapshot.fingerprint[objects], return_index=True, return_inverse=True, return_counts=True
    )
    cost = np.zeros(first.size, dtype=np.uint64)
    np.add.at(cost, which, parts.allocated(objects))
    unit = "characters" if kind == STR else "bytes"
    lines = [f"{format_count(objects.size)} objects of {format_count(first.size)} contents"]
    for at in np.argsort(-cost.astype(np.int64), kind="stable")[:_SHOWN_CONTENTS].tolist():
        alike = objects[which == at].tolist()
        name = next((snapshot.naming.names[one] for one in alike if one in snapshot.naming.names), "")
        length = int(snapshot.length[objects[first[at]]])
        what = repr(clean_text(name, 60)) if name else f"one of {length:,} {unit}"
        lines.append(f"{format_count(int(counts[at]))} × {what}: {format_bytes(int(cost[at]))}")
    return tuple(lines)
