"""Memory outside of Python objects: freed and not given back by an allocator, or taken by a library.

Never blames an allocator for what is in use. Without a memory split only what objects do not explain is known, and said. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from heapscope.analysis.memory import MemorySplit
from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.found import Found
from heapscope.analysis.suspects.model import Confidence, PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.pins import find_pins
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of, users_sentence
from heapscope.units import format_bytes

UNKNOWN = "memory outside of Python objects"
UNKNOWN_SHARE = 0.6  # of the resident memory, without a split: interpreters and libraries alone take some ten mebibytes
_HEADER = 128  # of a numpy array, at most: what is above it is data
_WORDS = {
    "malloc_free": "free memory that malloc keeps between blocks in use",
    "pymalloc_partly_free": "free room in pools of Python's own allocator that a few objects keep in use",
    "pymalloc_empty": "empty pools of Python's own allocator in arenas that a few objects keep in use",
    "malloc_used": "memory that malloc has given to libraries",
    "private": "private memory that libraries mapped",
    "unexplained": "memory that could not be named",
}
_FREED = ("malloc_free", "pymalloc_partly_free", "pymalloc_empty")
_NATIVE = ("malloc_used", "private", "unexplained")


def find_outside(scene: Scene, naming: Naming, memory: MemorySplit | None) -> list[Found]:
    """Find what holds the resident memory if objects do not."""
    if memory is None:
        return _find_unknown(scene)
    sizes = {str(component.part): component.bytes for component in memory.components}
    notes = {str(component.part): component.notes for component in memory.components}
    found = [
        _judge_freed(scene, naming, memory, sizes, notes),
        _judge_native(scene, memory, sizes, notes),
    ]
    return [Found(suspect) for suspect in found if suspect is not None]


def _judge_freed(
    scene: Scene,
    naming: Naming,
    memory: MemorySplit,
    sizes: Mapping[str, int],
    notes: Mapping[str, tuple[str, ...]],
) -> Suspect | None:
    freed = sum(sizes.get(part, 0) for part in _FREED)
    share = freed / max(1, memory.rss_bytes)
    if freed < thresholds.OUTSIDE_BYTES or share < thresholds.FREED_SHARE:
        return None
    largest = max(_FREED, key=lambda part: sizes.get(part, 0))
    in_malloc = largest == "malloc_free"
    advice = (
        "fewer arenas (MALLOC_ARENA_MAX=2), a call of malloc_trim, or jemalloc give such memory back"
        if in_malloc
        else "objects that live long were made between many that did not: making them first, or the work in a process of its "
        "own, avoids it"
    )
    pins = find_pins(scene, naming, freed, in_malloc=in_malloc)
    evidence = (
        (
            f"{format_bytes(freed)} of {format_bytes(memory.rss_bytes)} resident ({share:.0%}) is free already, and was not given "
            "back to the system"
        ),
        *_parts_sentence(_FREED, sizes, notes),
        f"Python objects take {format_bytes(sizes.get('python_objects', 0))}: freeing more of them changes little",
        *((f"malloc_trim would return up to {format_bytes(memory.trim_bytes)}",) if memory.trim_bytes else ()),
        *((pins.sentence,) if pins is not None else ()),
        *((users_sentence(pins.users),) if pins is not None and pins.users else ()),
        advice,
    )
    name = "malloc" if in_malloc else "pymalloc"
    steps = (PathStep("resident memory", ""), PathStep(name, ""), PathStep(largest.replace("_", " "), ""))
    suspect = _suspect(SuspectKind.ALLOCATOR, f"{name}: freed memory that was not given back", steps, freed, share)
    suspect = dataclasses.replace(
        suspect,
        confidence=_grade(share, thresholds.FREED_ALARM_SHARE),
        evidence=evidence,
        next=(f"heapscope rss {scene.source}",),
    )
    if pins is None or not pins.path:
        return suspect
    return dataclasses.replace(
        suspect,
        path=(*steps, *pins.path),
        place=next((f"{one.file}:{one.line}" for one in pins.users), "") or pins.path[-1].place,
        next=(
            *suspect.next,
            f"heapscope paths {scene.source} --address {address_of(scene, pins.path[-1].object_index)}",
        ),
    )


def _judge_native(
    scene: Scene, memory: MemorySplit, sizes: Mapping[str, int], notes: Mapping[str, tuple[str, ...]]
) -> Suspect | None:
    arrays = _numpy_bytes(scene)
    native = sum(sizes.get(part, 0) for part in _NATIVE) - arrays
    share = native / max(1, memory.rss_bytes)
    if native < thresholds.OUTSIDE_BYTES or share < thresholds.NATIVE_SHARE:
        return None
    largest = max(_NATIVE, key=lambda part: sizes.get(part, 0))
    evidence = (
        (
            f"{format_bytes(native)} of {format_bytes(memory.rss_bytes)} resident ({share:.0%}) is in use, and belongs to no "
            "Python object"
        ),
        *_parts_sentence(_NATIVE, sizes, notes),
        *((f"data of numpy arrays ({format_bytes(arrays)}) is not counted here",) if arrays else ()),
        "a C library, or an extension module, took it; whether it grows takes several snapshots",
    )
    steps = (PathStep("resident memory", ""), PathStep(largest.replace("_", " "), ""))
    return dataclasses.replace(
        _suspect(SuspectKind.NATIVE_MEMORY, "memory of C libraries", steps, native, share),
        confidence=_grade(share, thresholds.NATIVE_ALARM_SHARE),
        evidence=evidence,
        next=(f"heapscope rss {scene.source}", f"memray attach --native -o native.bin {scene.snapshot.meta.pid}"),
    )


def _find_unknown(scene: Scene) -> list[Found]:
    rss = scene.snapshot.meta.rss_before_bytes
    heap = scene.snapshot.allocated_bytes
    rest = rss - heap
    share = rest / max(1, rss)
    if rest < 2 * thresholds.OUTSIDE_BYTES or share < UNKNOWN_SHARE:
        return []
    evidence = (
        f"Python objects take {format_bytes(heap)} of {format_bytes(rss)} resident: the other {share:.0%} is something else",
        "this snapshot does not say what: memory that allocators keep, libraries, files, stacks",
    )
    steps = (PathStep("resident memory", ""),)
    suspect = dataclasses.replace(
        _suspect(SuspectKind.NATIVE_MEMORY, UNKNOWN, steps, rest, share),
        evidence=evidence,
        next=(f"heapscope rss {scene.snapshot.meta.pid}",),
    )
    return [Found(suspect)]


def _grade(share: float, alarm: float) -> Confidence:
    if share < alarm:
        return Confidence.LOW
    return Confidence.HIGH if share >= 1.5 * alarm else Confidence.MEDIUM


def _parts_sentence(
    parts: tuple[str, ...], sizes: Mapping[str, int], notes: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    found = []
    for part in sorted(parts, key=lambda part: -sizes.get(part, 0)):
        if sizes.get(part, 0) >= thresholds.LISTED_BYTES:
            more = f" ({'; '.join(notes[part])})" if notes.get(part) else ""
            found.append(f"{format_bytes(sizes[part])}: {_WORDS[part]}{more}")
    return tuple(found)


def _numpy_bytes(scene: Scene) -> int:
    arrays = scene.derived_from({"numpy.ndarray"})
    return max(0, int(scene.snapshot.allocated[arrays].sum()) - _HEADER * int(arrays.size))


def _suspect(kind: SuspectKind, holder: str, path: tuple[PathStep, ...], size: int, share: float) -> Suspect:
    return Suspect(
        kind=kind,
        holder=holder,
        path=path,
        retained_bytes=size,
        share=share,
        confidence=Confidence.LOW,
        evidence=(),
        next=(),
        kinds=(kind,),
        weight=share,
    )
