"""Dicts used as records: many dicts with the very same keys, each paying for a table of its own.

Never judges by values. Namespaces of instances, classes and modules are no records.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heapscope.analysis.slots.layout import OBJECT_BASICSIZE, WORD, Version, block_bytes, slotted_bytes
from heapscope.analysis.waste import sizes
from heapscope.analysis.waste.model import Finding, Pattern
from heapscope.analysis.waste.parts import HeapParts, runs
from heapscope.snapshot.model import U32Array, U64Array
from heapscope.units import clean_text, format_bytes

MAX_KEYS = 64  # more keys are no record that a person would write as a class
MIN_RECORDS = 16
_SHOWN_KEYS = 6
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def find_records(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find key shapes whose dicts would save at least so much as slotted objects. O(dicts log dicts)."""
    snapshot = parts.snapshot
    dicts = parts.plain_dicts()
    lengths = snapshot.length[dicts]
    is_record = (snapshot.fingerprint[dicts] != 0) & (lengths > 0) & (lengths <= MAX_KEYS)
    dicts, lengths = dicts[is_record], lengths[is_record]
    # The sum of the hashes does not know how many they are.
    shape = snapshot.fingerprint[dicts] ^ (lengths.astype(np.uint64) * _SPREAD)
    order = np.argsort(shape, kind="stable")
    for start, end in runs(shape[order]):
        if end - start < MIN_RECORDS:
            continue
        members = dicts[order[start:end]]
        count = int(lengths[order[start]])
        now = parts.allocated(members)
        each = slotted_bytes(None, count, weakref=False, version=parts.version)
        assert each is not None, "object takes slots"
        if int(now.sum()) - each * members.size < least:
            continue
        # A record in a smaller block than its class would need costs nothing more: it saves nothing either.
        saves = np.maximum(now.astype(np.int64) - each, 0).astype(np.uint64)
        yield _finding(parts, members, now, saves, count)


def _finding(parts: HeapParts, members: U32Array, now: U64Array, saves: U64Array, count: int) -> Finding:
    keys = _key_names(parts, int(members[0]), count)
    known = tuple(key for key in keys if key)
    words = f"{count} key{'' if count == 1 else 's'}"
    details = [] if len(known) == count else [f"{count - len(known)} of {words} are no names that the capture recorded"]
    return Finding(
        pattern=Pattern.RECORDS,
        subject=f"dicts with {_listed(known)}" if len(known) == count else f"dicts with the same {words}",
        type_name="builtins.dict",
        objects=members,
        now=now,
        saves=saves,
        fix=_fix(count, round(int(now.sum()) / members.size), parts.version),
        names=known,
        details=tuple(details),
    )


def _key_names(parts: HeapParts, example: int, count: int) -> list[str]:
    """The first references of a dict are its keys."""
    names = parts.snapshot.naming.names
    return [names.get(int(key), "") for key in parts.references.of(example)[:count]]


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(clean_text(name, 60) for name in names[:_SHOWN_KEYS])
    return shown if len(names) <= _SHOWN_KEYS else f"{shown} and {len(names) - _SHOWN_KEYS} more"


def _fix(count: int, each: int, version: Version) -> str:
    slotted = slotted_bytes(None, count, weakref=False, version=version)
    named_tuple = format_bytes(sizes.tuple_bytes(count, version))
    without_gc = format_bytes(block_bytes(OBJECT_BASICSIZE + WORD * count))
    change = (
        "make them @dataclass(slots=True) objects"
        if version >= (3, 10)
        else "make them objects of a class with __slots__"
    )
    return (
        f"{change}: {format_bytes(slotted or 0)} each instead of {format_bytes(each)}; a NamedTuple is {named_tuple}, "
        f"a msgspec.Struct as large as slots ({without_gc} with gc=False)"
    )
