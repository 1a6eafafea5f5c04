"""Lists and tuples of floats or ints: a pointer and a boxed object per number, where an array keeps the number alone.

Never counts a number that anything but its one list or tuple holds, nor one that is never freed; one held there twice is
counted once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from heapscope.analysis.waste import sizes
from heapscope.analysis.waste.model import Finding, I64Array, Pattern
from heapscope.analysis.waste.parts import FLOAT, INT, LIST, TUPLE, HeapParts
from heapscope.graph.library import NONE
from heapscope.snapshot.model import U32Array, U64Array
from heapscope.units import format_count
from heapscope.wire.protocol import Flag

MIN_ITEMS = 16  # a shorter one is a record or a point: no array, and a tuple is no waste
_ONE_DIGIT = 28  # requested bytes of an int below 2**30
_TWO_DIGITS = 32  # below 2**60: fits eight bytes
_WORDS = {
    (LIST, FLOAT): ("lists of floats", "builtins.list"),
    (TUPLE, FLOAT): ("tuples of floats", "builtins.tuple"),
    (LIST, INT): ("lists of ints", "builtins.list"),
    (TUPLE, INT): ("tuples of ints", "builtins.tuple"),
}
_ARRAYS = {
    (FLOAT, 8): "array.array('d') or a numpy float64 array: 8 bytes a number",
    (INT, 4): "array.array('i') or a numpy int32 array, while all stay below 2**31 as they do now: 4 bytes a number",
    (INT, 8): "array.array('q') or a numpy int64 array: 8 bytes a number",
}


def find_numbers(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find sequences of numbers of one type. O(items of lists and tuples); 8 bytes per object while it works."""
    sequences = parts.of_kind(LIST, TUPLE)
    sequences = sequences[parts.snapshot.length[sequences] >= MIN_ITEMS]
    for number in (FLOAT, INT):
        chosen, largest = _only(parts, sequences, number)
        if not chosen.size:
            continue
        boxes = _freed_boxes(parts, chosen, number)
        width = np.where(largest <= _ONE_DIGIT, 4, 8) if number == INT else np.full(chosen.size, 8, dtype=np.int64)
        now = parts.allocated(chosen) + boxes
        items = parts.snapshot.length[chosen]
        then = sizes.array_object_bytes(parts.version) + sizes.blocks(items * width)
        saves = np.maximum(now.astype(np.int64) - then, 0).astype(np.uint64)
        for kind, bytes_each in itertools.product((LIST, TUPLE), (4, 8)):
            some = (parts.kind[chosen] == kind) & (width == bytes_each) & (saves > 0)
            if int(saves[some].sum()) >= max(least, 1):
                array = _ARRAYS[number, bytes_each]
                yield _finding(parts, _WORDS[kind, number], array, chosen[some], now[some], saves[some])


def _only(parts: HeapParts, sequences: U32Array, number: int) -> tuple[U32Array, I64Array]:
    """Choose the sequences that hold nothing but one type of numbers, none over eight bytes; and their largest number's size."""
    snapshot = parts.snapshot
    is_pure, largest = [], []
    for part in parts.references_of(sequences):
        starts = np.flatnonzero(part.positions == 0)
        is_wrong = parts.kind[part.targets] != number
        bytes_each = snapshot.shallow[part.targets].astype(np.int64)
        if number == INT:
            is_wrong |= bytes_each > _TWO_DIGITS
        is_pure.append(np.logical_not(np.logical_or.reduceat(is_wrong, starts)))
        largest.append(np.maximum.reduceat(bytes_each, starts))
    if not is_pure:
        return sequences[:0], np.zeros(0, dtype=np.int64)
    # A sequence whose references were not all recorded is none that this can judge.
    has_references = snapshot.reference_offsets[sequences.astype(np.int64) + 1] > snapshot.reference_offsets[sequences]
    sequences = sequences[has_references]
    counts = np.diff(snapshot.reference_offsets)[sequences].astype(np.int64)
    pure = np.concatenate(is_pure) & (counts == snapshot.length[sequences])
    return sequences[pure], np.concatenate(largest)[pure]


def _freed_boxes(parts: HeapParts, sequences: U32Array, number: int) -> U64Array:
    """Sum the blocks of the numbers that only one of these sequences holds, for each."""
    snapshot = parts.snapshot
    held = np.zeros(snapshot.object_count, dtype=np.uint32)
    holder = np.full(snapshot.object_count, NONE, dtype=np.uint32)
    position = np.full(snapshot.object_count, NONE, dtype=np.uint32)
    position[sequences] = np.arange(sequences.size, dtype=np.uint32)
    for part in parts.references_of(sequences):
        np.add.at(held, part.targets, np.uint32(1))
        holder[part.targets] = part.holders
    for part in parts.references_of(sequences):
        held[part.targets[holder[part.targets] != part.holders]] = 0
    numbers = np.flatnonzero(held).astype(np.uint32)
    is_freed = (held[numbers] == snapshot.refcount[numbers]) & ~parts.has_flag(numbers, Flag.IMMORTAL)
    freed = numbers[is_freed & (parts.kind[numbers] == number)]
    boxes = np.zeros(sequences.size, dtype=np.uint64)
    np.add.at(boxes, position[holder[freed]], snapshot.allocated[freed])
    return boxes


def _finding(
    parts: HeapParts, words: tuple[str, str], array: str, objects: U32Array, now: U64Array, saves: U64Array
) -> Finding:
    subject, type_name = words
    return Finding(
        pattern=Pattern.NUMBERS,
        subject=subject,
        type_name=type_name,
        objects=objects,
        now=now,
        saves=saves,
        fix=array,
        describe=lambda some: (f"{format_count(int(parts.snapshot.length[some].sum()))} numbers",),
        splits=True,
    )
