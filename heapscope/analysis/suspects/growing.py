"""Growth as evidence: who held more in each of several snapshots, and is that more than what comes and goes?

Never measures growth itself (``analysis/holder_growth.py`` does), and never calls growth a leak. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from heapscope.analysis.holder_growth import HolderGrowth
from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.doubts import find_doubts
from heapscope.analysis.suspects.found import Found
from heapscope.analysis.suspects.model import Confidence, PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.past import Past, TypeSum, remember
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of, kind_text, users_sentence
from heapscope.snapshot.model import NO_OBJECT
from heapscope.units import clean_text, format_bytes, format_count, format_delta

MAX_FOUND = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    """What several snapshots say of one figure, oldest first, in bytes."""

    values: tuple[int, ...]
    seconds: float

    @property
    def delta(self) -> int:
        """Bytes more."""
        return self.values[-1] - self.values[0]

    @property
    def rising(self) -> int:
        """At how many steps it rose."""
        return sum(after > before for before, after in zip(self.values, self.values[1:], strict=False))

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return len(self.values) - 1


def is_growth(series: Series, heap_bytes: int) -> bool:
    """Tell growth that matters from what comes and goes in any living service."""
    if series.delta < max(thresholds.GROWTH_BYTES, int(thresholds.GROWTH_SHARE * heap_bytes)):
        return False
    if series.delta < thresholds.GROWTH_OF_HOLDER * series.values[0]:
        return False
    return series.seconds <= 0 or series.delta / series.seconds * 600 >= thresholds.GROWTH_PER_10_MIN * heap_bytes


def grade_growth(rising: int, steps: int) -> Confidence:
    """Grade growth by how often it was seen: medium from three snapshots on, high from five, if it rose every time."""
    if rising < steps or steps < thresholds.GROWTH_STEPS_MEDIUM:
        return Confidence.MEDIUM if steps >= thresholds.GROWTH_STEPS_HIGH and rising >= 0.8 * steps else Confidence.LOW
    return Confidence.HIGH if steps >= thresholds.GROWTH_STEPS_HIGH else Confidence.MEDIUM


def find_growing(scene: Scene, naming: Naming, rows: Sequence[HolderGrowth], seconds: float) -> list[Found]:
    """Describe the holders that grew, culprit first."""
    found: list[Found] = []
    for row in rows:
        if len(found) >= MAX_FOUND:
            break
        series = Series(row.series, seconds)
        if row.path and is_growth(series, scene.snapshot.heap_bytes):
            found.append(_describe(scene, naming, row, series))
    return found


def _describe(scene: Scene, naming: Naming, row: HolderGrowth, series: Series) -> Found:
    index = row.object_index
    known = index != NO_OBJECT
    steps = naming.steps_to(index) if known and row.objects <= 1 else ()
    path = steps or tuple(PathStep(step.name, step.type_name) for step in row.path)
    users = naming.users_of(path)
    retained = max(row.retained_after, row.series[-1])
    share = scene.share(retained)
    doubts = find_doubts(scene, index, steps, scene.tree.children_of(index), is_growing=True) if steps else ()
    evidence = [growth_sentence(series)]
    if row.count_after > row.count_before:
        evidence.append(
            f"{format_count(row.count_before)} entries before, {format_count(row.count_after)} now: "
            f"{format_count(row.count_after - row.count_before)} more"
        )
    if users:
        evidence.append(users_sentence(users))
    next_ = [f"heapscope dominators {scene.source}"]
    if known:
        address = address_of(scene, index)
        next_ = [
            f"heapscope paths {scene.source} --address {address}",
            f"heapscope dominators {scene.source} --under {address}",
        ]
    confidence = grade_growth(row.rising, row.steps)
    suspect = Suspect(
        kind=SuspectKind.GROWTH,
        holder=naming.holder(steps) or row.holder,
        path=path,
        retained_bytes=retained,
        share=share,
        confidence=confidence,
        evidence=tuple(evidence),
        next=tuple(next_),
        object_index=index,
        place=next((f"{one.file}:{one.line}" for one in users), "")
        or next((step.place for step in reversed(path) if step.place), ""),
        kinds=(SuspectKind.GROWTH,),
        type_name=row.type_name,
        entries=row.count_after or None,
        growth_bytes=series.delta,
        per_minute_bytes=60 * series.delta / series.seconds if series.seconds > 0 else None,
        rising=row.rising,
        steps=row.steps,
        doubts=doubts,
        weight=scene.share(series.delta) * (row.rising / max(1, row.steps)),
    )
    return Found(suspect, np.array([index] if known else [], dtype=np.uint32))


def growth_sentence(series: Series) -> str:
    """Say how much something grew, how often, and how fast."""
    text = f"grew by {format_bytes(series.delta)}, in {series.rising} of {series.steps} steps"
    if series.seconds > 0:
        text += (
            f" within {minutes_text(series.seconds)} ({format_bytes(int(60 * series.delta / series.seconds))} a minute)"
        )
    before = series.values[0]
    return f"{text}; it held {format_bytes(before)} at first" if before > 0 else text


def minutes_text(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def find_growing_types(scene: Scene, past: Sequence[Past], explained: int) -> list[Found]:
    """Find a type that became more in every step, where no holder explains most of that. O(n)."""
    points = [*past, remember(scene.tree)]
    heap = points[-1].heap_bytes
    least = max(thresholds.GROWTH_BYTES, thresholds.GROWTH_SHARE * heap)
    if len(points) <= thresholds.GROWTH_STEPS_MEDIUM or heap - points[0].heap_bytes - explained < least:
        return []
    seconds = points[-1].meta.captured_at - points[0].meta.captured_at
    nothing = TypeSum(0, 0)
    candidates = []
    for name, now in points[-1].types.items():
        series = Series(tuple(one.types.get(name, nothing).shallow_bytes for one in points), seconds)
        if series.rising == series.steps and is_growth(series, heap):
            candidates.append((series.delta, name, series, now.count - points[0].types.get(name, nothing).count))
    if not candidates:
        return []
    _, name, series, more = max(candidates, key=lambda one: (one[0], one[1]))
    return [_describe_type(scene, name, series, more)]


def _describe_type(scene: Scene, name: str, series: Series, more: int) -> Found:
    shown = kind_text(name)
    suspect = Suspect(
        kind=SuspectKind.GROWTH,
        holder=f"instances of {shown}",
        path=(PathStep("all instances", name),),
        retained_bytes=series.values[-1],
        share=scene.share(series.values[-1]),
        confidence=Confidence.LOW,
        evidence=(
            f"{format_count(more)} more of them; {growth_sentence(series)}",
            f"no single holder explains it ({format_delta(series.delta)})",
        ),
        next=(f"heapscope paths {scene.source} --type {clean_text(name, 200)}",),
        kinds=(SuspectKind.GROWTH,),
        type_name=name,
        growth_bytes=series.delta,
        rising=series.rising,
        steps=series.steps,
        weight=scene.share(series.delta),
    )
    return Found(suspect)
