"""The refcount audit: which counts of an object do the references that we see explain?

Never counts what owns no count: weak references are no references of a snapshot, and a running frame of 3.11 and newer
borrows its globals and builtins. On 3.14 and newer frames borrow more, so that a few objects have more references than
counts; that is expected there.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.graph.references import referents
from heapscope.snapshot.model import NO_OBJECT, I64Array, Snapshot, U32Array
from heapscope.wire.protocol import Flag, RootKind

BORROWED_NAMESPACES = (3, 11)  # since then running frames do not own their globals
AT_ONCE = 1 << 20  # objects between two looks at whether to give up
_EMPTY = np.empty(0, dtype=np.uint32)
IMMORTAL_BIAS = 1 << 29  # 3.11 has static objects whose count starts at 999,999,999, without calling them immortal


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class RefcountAudit:
    """Counts that no reference explains. ``visible`` is, per object, how many references to it own a count.

    ``held`` lists the objects with more counts than references: C code holds them. ``negative`` lists those with fewer: some
    of the references own no count. ``immortal`` lists those that are never freed; they take no part. All are ascending
    object indexes.
    """

    snapshot: Snapshot
    visible: U32Array
    held: U32Array
    negative: U32Array
    immortal: U32Array

    def unexplained(self, object_indexes: U32Array) -> I64Array:
        """Give refcount minus visible references of some objects; without meaning for immortal ones."""
        counts = self.snapshot.refcount[object_indexes].astype(np.int64)
        difference: I64Array = counts - self.visible[object_indexes].astype(np.int64)
        return difference


def audit_refcounts(snapshot: Snapshot, namespaces: U32Array, oversight: Oversight = UNWATCHED) -> RefcountAudit:
    """Compare counts and references. O(n + m) time, 4 bytes per object. Raises Cancelled."""
    visible = referents(snapshot).in_degrees(oversight=oversight)
    if _borrows_namespaces(snapshot) and namespaces.size:
        held = referents(snapshot).of_all(_running_frames(snapshot))
        np.subtract.at(visible, held[np.isin(held, namespaces)], np.uint32(1))
    parts: list[tuple[U32Array, ...]] = [(_EMPTY, _EMPTY, _EMPTY)]
    for start in range(0, snapshot.object_count, AT_ONCE):
        oversight.check()
        parts.append(_judge(snapshot, visible, start, start + AT_ONCE))
    return RefcountAudit(snapshot, visible, *(np.concatenate(lists) for lists in zip(*parts, strict=True)))


def _judge(snapshot: Snapshot, visible: U32Array, start: int, end: int) -> tuple[U32Array, U32Array, U32Array]:
    """List held, negative and immortal objects of a part of the snapshot."""
    counts, references, flags = snapshot.refcount[start:end], visible[start:end], snapshot.flags[start:end]
    # A kernel counted, so no sum overflows: references are fewer than 2**32.
    never_freed = (flags & np.uint32(Flag.IMMORTAL)) != 0
    never_freed |= counts >= references + np.uint64(IMMORTAL_BIAS)
    # What stands for a frame has no count of its own.
    judged = ~(never_freed | ((flags & np.uint32(Flag.SYNTHETIC)) != 0))
    masks = ((counts > references) & judged, (counts < references) & judged, never_freed)
    held, negative, immortal = ((np.flatnonzero(mask) + start).astype(np.uint32) for mask in masks)
    return held, negative, immortal


def _borrows_namespaces(snapshot: Snapshot) -> bool:
    match = re.match(r"(\d+)\.(\d+)", snapshot.meta.python_version)
    return match is None or (int(match[1]), int(match[2])) >= BORROWED_NAMESPACES


def _running_frames(snapshot: Snapshot) -> U32Array:
    kinds = {RootKind.FRAME, RootKind.THREAD}
    roots = {root.object_index for root in snapshot.roots if root.kind in kinds and root.object_index != NO_OBJECT}
    synthetic = np.flatnonzero((snapshot.flags & np.uint32(Flag.SYNTHETIC)) != 0)
    return np.array(sorted(roots | set(synthetic.tolist())), dtype=np.uint32)
