"""The same thing seen twice is one suspect: a registry that grows is an accumulation point as well. No I/O.

Never drops evidence: what each detector saw is kept, once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.found import Found, lowered, raised
from heapscope.analysis.suspects.model import Confidence, Suspect, SuspectKind
from heapscope.analysis.suspects.scene import Scene
from heapscope.snapshot.model import NO_OBJECT

SAME_SHARE = 0.5  # of what the larger one retains: then one above the other is the same thing
MAX_CHAIN = 1 << 12
FLAT = "it did not grow between the snapshots"
_TELLING = (
    SuspectKind.NATIVE_HOLD,
    SuspectKind.EXCEPTION,
    SuspectKind.UNBOUNDED_CACHE,
    SuspectKind.TASK,
    SuspectKind.GROWTH,
    SuspectKind.ACCUMULATION,
    SuspectKind.THREAD,
)
_ALONE = frozenset({SuspectKind.GARBAGE, SuspectKind.ALLOCATOR, SuspectKind.NATIVE_MEMORY})


def merge_found(scene: Scene, found: Sequence[Found]) -> list[Suspect]:
    """Join what is about the same objects; the most telling kind gives its name. O(found squared), and few are found."""
    groups: list[list[Found]] = []
    for one in sorted(found, key=_order):
        home = next((group for group in groups if any(_is_same(scene, one, other) for other in group)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return [_join([one.suspect for one in group]) for group in groups]


def _order(found: Found) -> tuple[int, float]:
    kind = found.suspect.kind
    return (_TELLING.index(kind) if kind in _TELLING else -1), -found.suspect.retained_bytes


def _is_same(scene: Scene, one: Found, other: Found) -> bool:
    if one.suspect.kind in _ALONE or other.suspect.kind in _ALONE:
        return False
    left, right = one.suspect.object_index, other.suspect.object_index
    if left != NO_OBJECT and left == right:
        return True
    return _is_inside(scene, one, other) or _is_inside(scene, other, one)


def _is_inside(scene: Scene, inner: Found, outer: Found) -> bool:
    """Tell whether what one suspect is about stands below the other's objects, and is most of what they hold."""
    members = set(outer.members.tolist())
    if outer.suspect.object_index != NO_OBJECT:
        members.add(outer.suspect.object_index)
    inside = [one for one in inner.members[:64].tolist() if one in members or _is_below(scene, one, members)]
    if not inside:
        return False
    if any(one in members for one in inside):
        return True
    least = SAME_SHARE * max(inner.suspect.retained_bytes, outer.suspect.retained_bytes)
    return min(inner.suspect.retained_bytes, outer.suspect.retained_bytes) >= least


def _is_below(scene: Scene, node: int, members: set[int]) -> bool:
    return any(one in members for one in scene.tree.dominators.chain(node)[:MAX_CHAIN])


def _join(suspects: list[Suspect]) -> Suspect:
    first = suspects[0]
    if len(suspects) == 1:
        return first
    growth = next((one for one in suspects if one.kind is SuspectKind.GROWTH), None)
    described = next((one for one in suspects if one.kind is SuspectKind.ACCUMULATION), None)
    evidence = list(dict.fromkeys(line for one in suspects for line in one.evidence))
    confidence = max(one.confidence for one in suspects)
    structural = [one for one in suspects if one.kind not in {SuspectKind.GROWTH, SuspectKind.ACCUMULATION}]
    if growth is not None and growth.confidence >= Confidence.MEDIUM and structural:
        confidence = raised(max(confidence, growth.confidence))
    joined = dataclasses.replace(
        first,
        kinds=tuple(dict.fromkeys(kind for one in suspects for kind in one.kinds)),
        evidence=tuple(evidence),
        doubts=_doubts_of(suspects, growth),
        next=tuple(dict.fromkeys(command for one in suspects for command in one.next))[:4],
        confidence=confidence,
        retained_bytes=max(one.retained_bytes for one in suspects),
        share=max(one.share for one in suspects),
        weight=max(one.weight for one in suspects),
        entries=first.entries if first.entries is not None else described.entries if described is not None else None,
    )
    if growth is None:
        return joined
    return dataclasses.replace(
        joined,
        growth_bytes=growth.growth_bytes,
        per_minute_bytes=growth.per_minute_bytes,
        rising=growth.rising,
        steps=growth.steps,
    )


def _doubts_of(suspects: list[Suspect], growth: Suspect | None) -> tuple[str, ...]:
    """Growth that was seen outweighs what speaks for a limit; and a telling kind has doubts of its own."""
    if growth is not None:
        return growth.doubts
    if suspects[0].kind not in {SuspectKind.ACCUMULATION, SuspectKind.THREAD}:
        return suspects[0].doubts
    return tuple(dict.fromkeys(doubt for one in suspects for doubt in one.doubts))


def doubt_flat(suspect: Suspect, steps: int) -> Suspect:
    """Trust a suspect less that several snapshots show, and that did not grow in them."""
    if steps < thresholds.GROWTH_STEPS_MEDIUM or suspect.growth_bytes is not None or suspect.kind in _ALONE:
        return suspect
    return dataclasses.replace(
        suspect,
        confidence=lowered(suspect.confidence, 1),
        doubts=(*suspect.doubts, FLAT),
        weight=suspect.weight * 0.3,
    )
