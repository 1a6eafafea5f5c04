"""One object of a snapshot, and what can be asked about it.

Never keeps a figure: the queries do. No I/O.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.service.queries import HeapQueries
from heapscope.snapshot.model import U32Array
from heapscope.wire.protocol import DictState, Flag

_FLAG_NAMES = (
    ("tracked", Flag.TRACKED),
    ("frozen", Flag.FROZEN),
    ("immortal", Flag.IMMORTAL),
    ("type", Flag.IS_TYPE),
    ("weakly referenced", Flag.WEAKLY_REFERENCED),
    ("opaque", Flag.OPAQUE),
    ("boundary", Flag.BOUNDARY),
    ("synthetic", Flag.SYNTHETIC),
)


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectView:
    """One object by its index. Cheap to make; each figure that needs the graph computes it once per snapshot."""

    heap: HeapQueries
    index: int

    @property
    def address(self) -> int:
        """Where it lay when it was captured."""
        return self.heap.address_of(self.index)

    @property
    def type_name(self) -> str:
        """Module and qualified name of its type; foreign text."""
        return self.heap.type_name_of(self.index)

    @property
    def shallow_size(self) -> int:
        """Requested bytes of every block that it alone owns."""
        return int(self.heap.snapshot.shallow[self.index])

    @property
    def allocated_size(self) -> int:
        """The same blocks as the allocator rounds them, in bytes."""
        return int(self.heap.snapshot.allocated[self.index])

    @property
    def recursive_size(self) -> int:
        """Bytes of what it leads to, itself included, each object once, not through boundaries. O(what is reached)."""
        return self.heap.recursive_size([self.index])

    @property
    def retained_size(self) -> int:
        """Bytes that would be freed with it; 0 for garbage. Computes the dominators once per snapshot."""
        return int(self.heap.tree.retained[self.index])

    @property
    def retained_count(self) -> int:
        """How many objects would be freed with it, itself included; 0 for garbage. O(those)."""
        if not self.is_reachable:
            return 0
        count, level = 0, np.array([self.index], dtype=np.uint32)
        while level.size:
            count += int(level.size)
            level = self.heap.tree.children.of_all(level)
        return count

    @property
    def refcount(self) -> int:
        """Its reference count."""
        return int(self.heap.snapshot.refcount[self.index])

    @property
    def references_seen(self) -> int:
        """How many references to it that own a count were seen."""
        return int(self.heap.roots.audit.visible[self.index])

    @property
    def held_by_c(self) -> int | None:
        """Counts that no reference explains, negative where references own no count.

        None where counts say nothing: for immortal objects, and for what stands for a frame.
        """
        audit = self.heap.roots.audit
        if self.index in audit.immortal or int(self.heap.snapshot.flags[self.index]) & Flag.SYNTHETIC:
            return None
        return int(audit.unexplained(np.array([self.index], dtype=np.uint32))[0])

    @property
    def length(self) -> int | None:
        """Its length as ``len`` says it; None where the type has none."""
        length = int(self.heap.snapshot.length[self.index])
        return None if length < 0 else length

    @property
    def dict_state(self) -> str | None:
        """How it holds its attributes, a name of DictState; None for objects that have no dict of their own."""
        state = (int(self.heap.snapshot.flags[self.index]) & Flag.DICT_STATE_MASK) >> Flag.DICT_STATE_SHIFT
        return DictState.NAMES[state] if 0 < state < len(DictState.NAMES) else None

    @property
    def generation(self) -> int | None:
        """Its generation of the cyclic collector; None where that does not track it, or keeps it frozen."""
        flags = int(self.heap.snapshot.flags[self.index])
        if not flags & Flag.TRACKED or flags & Flag.FROZEN:
            return None
        return (flags & Flag.GENERATION_MASK) >> Flag.GENERATION_SHIFT

    @property
    def flags(self) -> tuple[str, ...]:
        """What else is known of it, in words."""
        flags = int(self.heap.snapshot.flags[self.index])
        return tuple(name for name, bit in _FLAG_NAMES if flags & bit)

    @property
    def is_reachable(self) -> bool:
        """Whether a root leads to it; else it is garbage that awaits collection."""
        return self.heap.is_reached(self.index)

    @property
    def referent_indexes(self) -> U32Array:
        """The objects that it refers to, each once, as object indexes."""
        held: U32Array = np.unique(self.heap.referents.of(self.index))
        return held

    @property
    def referrer_indexes(self) -> U32Array:
        """The objects that refer to it, each once, as object indexes. Computes the index of referrers once per snapshot."""
        return self.heap.referrers.of(self.index)
