"""Exceptions that are kept: each traceback keeps the frames that it went through, and these all their variables.

Never counts an exception that holds no traceback. No I/O.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.doubts import find_doubts
from heapscope.analysis.suspects.found import Found, by_share, lowered
from heapscope.analysis.suspects.model import Confidence, PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of, kind_text, total_retained, users_sentence
from heapscope.graph.references import referents
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, format_bytes, format_count

MAX_FRAMES = 200
MAX_CHAIN = 1 << 12
MAX_NAMED_FRAMES = 4
FEW = 3
_TRACEBACK, _FRAME = "builtins.traceback", "builtins.frame"


def find_exceptions(scene: Scene, naming: Naming) -> list[Found]:
    """Find exceptions that keep much alive; one suspect for all of them that one object holds. O(n)."""
    tracebacks = scene.named(_TRACEBACK)
    if not tracebacks.size:
        return []
    kept = _with_traceback(scene, scene.derived_from({"builtins.BaseException"}))
    top = scene.topmost(np.union1d(kept, tracebacks).astype(np.uint32))
    total = total_retained(scene, top)
    least = max(thresholds.LISTED_BYTES, int(thresholds.STRUCTURE_SHARE * scene.snapshot.heap_bytes))
    if total < least:
        return []
    return [_describe(scene, naming, kept, top, total)]


def _with_traceback(scene: Scene, exceptions: U32Array) -> U32Array:
    offsets = scene.snapshot.reference_offsets
    counts = (offsets[exceptions.astype(np.int64) + 1] - offsets[exceptions]).astype(np.int64)
    held = referents(scene.snapshot).of_all(exceptions)
    is_traceback = np.array([info.name == _TRACEBACK for info in scene.snapshot.types], dtype=np.bool_)
    owners = np.repeat(exceptions, counts)[is_traceback[scene.snapshot.type_index[held]]]
    return np.unique(owners).astype(np.uint32)


def _describe(scene: Scene, naming: Naming, kept: U32Array, top: U32Array, total: int) -> Found:
    share = scene.share(total)
    keeper = scene.common_holder(top, scene.tree.retained[top])
    reached = kept[scene.tree.roots.reached[kept] != 0]
    candidates = reached if reached.size else top
    by_size = np.argsort(scene.tree.retained[candidates], kind="stable")
    example = int(candidates[int(by_size[by_size.size // 2])])
    links = _links_of(scene, example)
    frames = [frame for _, frame in links]
    steps = _path(scene, naming, keeper, example, links)
    is_object = scene.is_object(keeper)
    keeper_steps = naming.steps_to(keeper) if is_object else ()
    users = naming.users_of(keeper_steps)
    kinds = Counter(scene.type_name(int(one)) for one in reached.tolist()).most_common(3)
    doubts = find_doubts(scene, keeper, keeper_steps, scene.tree.children_of(keeper)) if is_object else ()
    confidence = by_share(share, thresholds.STRUCTURE_ALARM_SHARE)
    if reached.size <= FEW:
        doubts = ("only few exceptions: they may be being handled right now", *doubts)
        confidence = Confidence.LOW
    address = address_of(scene, example)
    holder = naming.holder(keeper_steps) if keeper_steps else f"exceptions ({kind_text(kinds[0][0]) if kinds else ''})"
    suspect = Suspect(
        kind=SuspectKind.EXCEPTION,
        holder=holder,
        path=steps,
        retained_bytes=total,
        share=share,
        confidence=lowered(confidence, len(doubts)),
        evidence=(
            *_evidence(naming, int(reached.size), kinds, total, share, frames),
            *([users_sentence(users)] if users else []),
        ),
        next=(
            f"heapscope paths {scene.source} --address {address}",
            f"heapscope paths {scene.source} --type {clean_text(kinds[0][0], 200)}"
            if kinds
            else f"heapscope dominators {scene.source}",
        ),
        object_index=keeper if is_object else example,
        place=f"{users[0].file}:{users[0].line}" if users else _place_of_frames(naming, frames),
        kinds=(SuspectKind.EXCEPTION,),
        type_name=scene.type_name(keeper if is_object else example),
        entries=scene.length(keeper) if is_object else None,
        doubts=doubts,
        weight=share,
    )
    return Found(suspect, top)


def _evidence(
    naming: Naming, count: int, kinds: list[tuple[str, int]], total: int, share: float, frames: list[int]
) -> list[str]:
    listed = ", ".join(f"{format_count(number)} × {kind_text(name)}" for name, number in kinds)
    places = [str(naming.code_of(frame)) for frame in frames[:MAX_NAMED_FRAMES]]
    shown = ", ".join(clean_text(place, 200) for place in places if place)
    return [
        f"{format_count(count)} exceptions are kept with their tracebacks: {listed}",
        f"their frames, and the variables in them, keep {format_bytes(total)}, {share:.0%} of the heap",
        *([f"frames of one: {shown}"] if shown else []),
    ]


def _links_of(scene: Scene, exception: int) -> list[tuple[int, int]]:
    """List the links of an exception's traceback, each with its frame, outermost first."""
    links: list[tuple[int, int]] = []
    link = exception if scene.type_name(exception) == _TRACEBACK else scene.first_of(exception, _TRACEBACK)
    while link is not None and len(links) < MAX_FRAMES:
        frame = scene.first_of(link, _FRAME)
        if frame is not None:
            links.append((link, frame))
        link = scene.first_of(link, _TRACEBACK)
    return links


def _variables_of(scene: Scene, frame: int, exception: int) -> list[int]:
    """List what a frame refers to and what only the exception keeps, largest first: several frames may share a variable."""
    held = [one for one in scene.references(frame)[:MAX_FRAMES].tolist() if not _is_of_exception(scene, one)]
    kept = [one for one in dict.fromkeys(held) if exception in scene.tree.dominators.chain(one)[:MAX_CHAIN]]
    return sorted(kept, key=scene.retained, reverse=True)


def _is_of_exception(scene: Scene, index: int) -> bool:
    return scene.type_name(index) in {_TRACEBACK, _FRAME}


def _path(
    scene: Scene, naming: Naming, keeper: int, example: int, links: list[tuple[int, int]]
) -> tuple[PathStep, ...]:
    """Lead from a root to one exception, into the frame whose variables keep most, to the largest of these."""
    chain = [node for node in scene.tree.dominators.chain(example) if scene.is_object(node)]
    if scene.is_object(keeper) and keeper in chain:
        way = [*naming.way_to(keeper), *chain[: chain.index(keeper)][::-1], example]
    else:
        way = naming.way_to(example)
    if links:
        variables = [_variables_of(scene, frame, example) for _, frame in links]
        sizes = [sum(map(scene.retained, held)) for held in variables]
        number = sizes.index(max(sizes))
        way += [link for link, _ in links[: number + 1] if link != example]
        way += [links[number][1], *variables[number][:1]]
    return naming.steps_along(way)


def _place_of_frames(naming: Naming, frames: list[int]) -> str:
    return next((naming.place_of(frame) for frame in frames if naming.place_of(frame)), "")
