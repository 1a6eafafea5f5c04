"""The memory split: where the resident memory of a process is, part by part, and whether objects or the allocator hold it.

The parts add up to the RSS by construction; what is known to be in use and cannot be named is "unexplained". Pure: no I/O.

Python objects of up to 512 bytes are in pymalloc's pools, larger blocks of theirs are malloc's. Where a block lies is not
recorded, so the larger ones are taken off what malloc has in use as a sum.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from heapscope.analysis.memory_notes import Notes
from heapscope.analysis.memory_objects import ObjectBytes, measure_objects
from heapscope.analysis.memory_verdict import VerdictKind, judge
from heapscope.snapshot.memory import MallocFacts, MemoryFacts, PymallocFacts
from heapscope.snapshot.model import Snapshot


class Part(enum.StrEnum):
    """What resident memory is; each byte is in one part."""

    PYTHON_OBJECTS = "python_objects"
    PYMALLOC_PARTLY_FREE = "pymalloc_partly_free"
    PYMALLOC_EMPTY = "pymalloc_empty"
    MALLOC_USED = "malloc_used"
    MALLOC_FREE = "malloc_free"
    PRIVATE = "private"
    FILE = "file"
    SHARED = "shared"
    STACKS = "stacks"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Component:
    """One part: bytes in memory, and what there is to say about them in plain words."""

    part: Part
    bytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemorySplit:
    """Where the memory is. Sizes in bytes; ``components`` are all parts, in the order of Part, and add up to ``rss_bytes``.

    ``python_known`` is False before a heap walk: then PYTHON_OBJECTS is what pymalloc has in use, and larger Python objects are
    in MALLOC_USED. ``limit_bytes`` is the tightest limit of a control group. ``trim_bytes`` is what malloc_trim would return.
    """

    rss_bytes: int
    pss_bytes: int
    uss_bytes: int
    swap_bytes: int
    limit_bytes: int | None
    limit_source: str
    components: tuple[Component, ...]
    python_known: bool
    verdict: str
    trim_bytes: int
    kind: VerdictKind = VerdictKind.OBJECTS
    is_frozen: bool = True

    def bytes_of(self, *parts: Part) -> int:
        """Add up some parts."""
        return sum(component.bytes for component in self.components if component.part in parts)

    @property
    def unexplained_share(self) -> float:
        """The share of the RSS, 0...1, that could not be named."""
        return self.bytes_of(Part.UNEXPLAINED) / self.rss_bytes if self.rss_bytes else 0.0


def split_memory(facts: MemoryFacts, snapshot: Snapshot | None) -> MemorySplit:
    """Split the RSS. O(objects) with a snapshot, which has to be of the same moment; without one, what is known before a walk."""
    objects = measure_objects(snapshot, facts.images) if snapshot is not None else None
    notes = Notes(facts, objects)
    charged = _charge(facts, objects)
    components = tuple(_components(facts, objects, charged, notes))
    sizes = {component.part.value: component.bytes for component in components}
    trim = facts.malloc.trim_bytes if facts.malloc else 0
    kind, verdict = judge(facts, sizes, is_known=objects is not None, numpy_bytes=charged.numpy)
    return MemorySplit(
        rss_bytes=facts.rss_bytes,
        pss_bytes=facts.pss_bytes,
        uss_bytes=facts.uss_bytes,
        swap_bytes=facts.swap_bytes,
        limit_bytes=facts.limit_bytes,
        limit_source=facts.limit_source,
        components=components,
        python_known=objects is not None,
        verdict=verdict,
        trim_bytes=trim,
        kind=kind,
        is_frozen=facts.is_frozen,
    )


@dataclass(frozen=True, slots=True)
class _Charged:
    """What of the objects' larger blocks is where, in memory: in malloc, in other private memory; and buffers of numpy."""

    in_malloc: int
    in_private: int
    numpy_in_malloc: int
    numpy_in_private: int

    @property
    def numpy(self) -> int:
        """All of numpy's data that is in memory."""
        return self.numpy_in_malloc + self.numpy_in_private


_NO_PYMALLOC = PymallocFacts(0, 0, 0, 0, 0, 0)
_NO_MALLOC = MallocFacts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _components(
    facts: MemoryFacts, objects: ObjectBytes | None, charged: _Charged, notes: Notes
) -> Iterator[Component]:
    pymalloc, malloc = facts.pymalloc or _NO_PYMALLOC, facts.malloc or _NO_MALLOC
    small, unnamed = _small_blocks(pymalloc, objects)
    python = small + charged.in_malloc + charged.in_private
    used = malloc.used_resident + malloc.mapped_resident - charged.in_malloc
    other = used - charged.numpy_in_malloc
    found = {
        Part.PYTHON_OBJECTS: (python, notes.objects(charged.in_malloc + charged.in_private)),
        Part.PYMALLOC_PARTLY_FREE: (pymalloc.partly_free_bytes, notes.partly_free()),
        Part.PYMALLOC_EMPTY: (pymalloc.empty_bytes, notes.empty()),
        Part.MALLOC_USED: (used + charged.numpy_in_private, notes.malloc_used(charged.numpy, other)),
        Part.MALLOC_FREE: (malloc.free_resident, notes.malloc_free()),
        Part.PRIVATE: (facts.private_bytes - charged.in_private - charged.numpy_in_private, notes.private()),
        Part.FILE: (facts.file_bytes, notes.files()),
        Part.SHARED: (facts.shared_bytes, notes.shared()),
        Part.STACKS: (facts.stacks_bytes, notes.stacks()),
    }
    for part, (size, texts) in found.items():
        yield Component(part, size, texts)
    rest = facts.rss_bytes - sum(size for size, _ in found.values())
    yield Component(Part.UNEXPLAINED, rest, notes.unexplained(unnamed, malloc.lost_resident))


def _small_blocks(pymalloc: PymallocFacts, objects: ObjectBytes | None) -> tuple[int, int]:
    """Return what of pymalloc's blocks in use is objects', and what is nobody's that was found."""
    if objects is None or pymalloc.attributed_bytes is None:
        return pymalloc.in_use_bytes, 0
    small = min(pymalloc.in_use_bytes, pymalloc.attributed_bytes)
    return small, pymalloc.in_use_bytes - small


def _charge(facts: MemoryFacts, objects: ObjectBytes | None) -> _Charged:
    """Say where the larger blocks are.

    What malloc has given out and nobody has touched is taken off buffers first, then off what is not Python's, then off
    objects: buffers are allocated in advance, objects are written when they are made.
    """
    if objects is None:
        return _Charged(0, 0, 0, 0)
    malloc = facts.malloc or _NO_MALLOC
    is_elsewhere = facts.malloc is None or facts.allocator != "glibc"
    large = objects.large(facts)
    if is_elsewhere or facts.is_free_threaded:
        in_private = min(large, facts.private_bytes)
        if is_elsewhere:
            return _Charged(0, in_private, 0, min(objects.numpy_bytes, facts.private_bytes - in_private))
        return _Charged(0, in_private, _touched(objects.numpy_bytes, malloc, 0), 0)
    numpy = _touched(objects.numpy_bytes, malloc, large)
    return _Charged(min(large, malloc.used_resident + malloc.mapped_resident), 0, numpy, 0)


def _touched(numpy: int, malloc: MallocFacts, large: int) -> int:
    """Return what of numpy's buffers can be in memory."""
    resident = malloc.used_resident + malloc.mapped_resident
    untouched = max(0, malloc.used_bytes + malloc.mapped_bytes - resident)
    return max(0, min(numpy - untouched, resident - min(large, resident)))
