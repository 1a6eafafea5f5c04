"""Garbage that awaits collection: objects in cycles that nothing leads to, which only the cyclic collector frees.

Never calls it lost: it goes with the next full collection, if there is one. No I/O.
"""

from __future__ import annotations

import numpy as np

from heapscope.analysis.origins import Origin, origin_of
from heapscope.analysis.places import place_text
from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.found import Found
from heapscope.analysis.suspects.model import Confidence, PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import kind_text
from heapscope.snapshot.model import TypeInfo, U32Array
from heapscope.units import format_bytes, format_count
from heapscope.wire.protocol import Flag


def find_garbage(scene: Scene, naming: Naming) -> list[Found]:
    """Describe the garbage if it is much."""
    roots = scene.tree.roots
    share = scene.share(roots.garbage_bytes)
    is_idle, youngest = _collector_is_idle(scene)
    least = thresholds.STRUCTURE_SHARE if is_idle else thresholds.GARBAGE_SHARE
    if roots.garbage_bytes < thresholds.LISTED_BYTES or share < least:
        return []
    lost = np.flatnonzero(roots.reached == 0).astype(np.uint32)
    kinds = naming.types_in(lost)
    own = _own_class(scene, lost)
    evidence = [
        (
            f"{format_count(roots.garbage_count)} objects, {format_bytes(roots.garbage_bytes)} ({share:.0%} of the heap), are "
            "reached by nothing: they refer to each other in cycles"
        ),
        "most of them: " + ", ".join(f"{format_count(count)} × {kind_text(name)}" for name, count in kinds[:4]),
    ]
    if is_idle:
        evidence.append(
            f"{format_count(youngest)} objects are in the collector's youngest generation: it seems to be off "
            "(gc.disable, or a very high threshold)"
        )
    if own is not None:
        evidence.append(f"the most frequent class of the program's own among them: {kind_text(own.name)}")
    alarm = share >= thresholds.GARBAGE_ALARM_SHARE or (is_idle and share >= thresholds.GARBAGE_SHARE)
    name = kind_text(own.name) if own is not None else kind_text(kinds[0][0]) if kinds else "objects"
    suspect = Suspect(
        kind=SuspectKind.GARBAGE,
        holder=f"garbage in cycles, such as {name}",
        path=(PathStep("garbage awaiting collection", own.name if own is not None else ""),),
        retained_bytes=roots.garbage_bytes,
        share=share,
        confidence=Confidence.HIGH if alarm and is_idle else Confidence.MEDIUM if alarm else Confidence.LOW,
        evidence=tuple(evidence),
        next=(f"heapscope dominators {scene.source} --depth 2", f"heapscope types {scene.source}"),
        place=place_text(own.file, own.line) if own is not None else "",
        kinds=(SuspectKind.GARBAGE,),
        type_name=own.name if own is not None else "",
        doubts=()
        if alarm
        else ("a full collection may be due: the collector waits until the heap has grown by a quarter",),
        weight=share,
    )
    return [Found(suspect, lost)]


def _collector_is_idle(scene: Scene) -> tuple[bool, int]:
    flags = scene.snapshot.flags
    tracked = (flags & np.uint32(Flag.TRACKED | Flag.FROZEN)) == np.uint32(Flag.TRACKED)
    youngest = int(np.count_nonzero(tracked & ((flags & np.uint32(Flag.GENERATION_MASK)) == 0)))
    return youngest >= thresholds.COLLECTOR_IDLE, youngest


def _own_class(scene: Scene, lost: U32Array) -> TypeInfo | None:
    counts = np.bincount(scene.snapshot.type_index[lost], minlength=len(scene.snapshot.types))
    order: list[int] = np.argsort(-counts, kind="stable")[:50].tolist()
    for at in order:
        info: TypeInfo = scene.snapshot.types[at]
        if counts[at] and info.is_heap and origin_of(info) is Origin.APPLICATION:
            return info
    return None
