"""Accumulation points: objects below which the memory fans out into many small parts, and what speaks against each.

Never calls one a problem: a full cache is one, too, and so is a table that was loaded once. Those doubts are listed. No I/O.

A point is an object whose retained size, without that of its large children, is large itself: where the large stops and the
many begins. Such rests are disjoint, so there are few points. Shards (large children of one type in one container) count as
rest; of a structure that contains itself (a linked list, a tree) the topmost object counts.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.doubts import find_doubts, young_sentence
from heapscope.analysis.suspects.found import Found
from heapscope.analysis.suspects.model import Confidence, PathStep, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of, entries_text, sentence_of_children, users_sentence
from heapscope.snapshot.model import U32Array
from heapscope.units import format_bytes, short_type_name
from heapscope.wire.protocol import Flag

MAX_CHAIN = 1 << 12
RECURSION = 3  # so many of one type above each other are a structure of such
MIN_PARTS = 50  # of an object that is no container
ONE_BLOCK = 0.5  # of what is retained: then it is one large block, not many parts
FILLED_NOW = 3.0  # what is being filled now may grow; what is not may have been loaded once
DOUBTED = 0.3
_CONTAINERS = frozenset({"builtins.list", "builtins.dict", "builtins.tuple", "builtins.set", "collections.deque"})


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """One accumulation point: an object, and what it retains, in bytes."""

    index: int
    retained: int


def find_points(scene: Scene, least: int) -> tuple[Point, ...]:
    """Find the objects that accumulate at least ``least`` bytes, largest first. O(n)."""
    tree = scene.tree
    is_large = tree.retained >= np.uint64(max(1, least))
    is_large[scene.snapshot.object_count :] = False
    large = np.flatnonzero(is_large)
    rest = tree.retained[large].astype(np.int64)
    above = tree.dominators.immediate[large].astype(np.int64)
    places = np.searchsorted(large, above)
    places[places == large.size] = 0
    has_large_parent = large[places] == above if large.size else np.zeros(0, dtype=np.bool_)
    np.subtract.at(rest, places[has_large_parent], tree.retained[large[has_large_parent]].astype(np.int64))
    found: dict[int, None] = {}
    for index in large[rest >= least].tolist():
        if not _is_code(scene, index):
            found[_whole_of(scene, index)] = None
    points = [
        Point(index, scene.retained(index))
        for index in found
        if not _is_below_any(scene, index, found) and not _is_structure(scene, index)
    ]
    return tuple(sorted(points, key=lambda point: (-point.retained, point.index)))


def _is_code(scene: Scene, index: int) -> bool:
    """Modules, classes and functions are the program itself, not what it collects."""
    flags = int(scene.snapshot.flags[index])
    namespaces = scene.tree.roots.namespaces
    return (
        bool(flags & Flag.IS_TYPE) or scene.type_name(index) == "builtins.module" or bool((namespaces == index).any())
    )


def _is_structure(scene: Scene, index: int) -> bool:
    """An object with a few large attributes collects nothing itself, unless it is one of many: a linked list, a tree."""
    if scene.type_name(index) in map(scene.type_name, filter(scene.is_object, scene.largest_below(index, 2))):
        return False
    if scene.length(index) is not None or int(scene.snapshot.shallow[index]) >= ONE_BLOCK * scene.retained(index):
        return False
    return int(scene.tree.children.of(index).size) < MIN_PARTS


def _is_below_any(scene: Scene, index: int, others: dict[int, None]) -> bool:
    return any(one in others for one in scene.tree.dominators.chain(index)[:MAX_CHAIN])


def _whole_of(scene: Scene, index: int) -> int:
    """Go up from a part to the whole: from a shard to the container of shards, from a node of a list to its head."""
    chain = [node for node in scene.tree.dominators.chain(index)[:MAX_CHAIN] if scene.is_object(node)]
    kind = scene.type_name(index)
    same = [node for node in chain if scene.type_name(node) == kind]
    if len(same) >= RECURSION and kind != "builtins.dict":
        index = same[-1]
        chain = chain[chain.index(index) + 1 :]
    for node in chain[:3]:
        siblings = scene.tree.children.of(node)
        if scene.type_name(node) in _CONTAINERS and not _is_code(scene, node) and _are_shards(scene, index, siblings):
            return node
        if not scene.edge_names.is_namespace(node, index):
            break
        index = node
    return index


def _are_shards(scene: Scene, index: int, siblings: U32Array) -> bool:
    same = siblings[siblings < scene.snapshot.object_count]
    same = same[scene.snapshot.type_index[same] == scene.snapshot.type_index[index]]
    size = scene.retained(index)
    return int(np.count_nonzero(scene.tree.retained[same] >= np.uint64(size // 4))) >= RECURSION


def find_accumulations(scene: Scene, naming: Naming) -> list[Found]:
    """Describe the accumulation points of a heap. O(n), and the ways to them."""
    least = max(thresholds.LISTED_BYTES, int(thresholds.LISTED_SHARE * scene.snapshot.heap_bytes))
    points = find_points(scene, least)
    return [Found(describe_point(scene, naming, point), np.array([point.index], dtype=np.uint32)) for point in points]


def describe_point(scene: Scene, naming: Naming, point: Point) -> Suspect:
    """Say who accumulates what, why that may matter, and what speaks against it."""
    index = point.index
    steps = naming.steps_to(index)
    holder = naming.holder(steps) or short_type_name(scene.type_name(index))
    children = scene.tree.children_of(index)
    entries = scene.length(index)
    share = scene.share(point.retained)
    kind = short_type_name(scene.type_name(index))
    is_block = int(scene.snapshot.shallow[index]) >= ONE_BLOCK * point.retained
    evidence = [f"{share:.0%} of the heap ({format_bytes(point.retained)}) would be freed with this one {kind}"]
    if is_block:
        evidence.append("it is one large block, not many parts")
    else:
        evidence.append(sentence_of_children(scene, naming, children, entries_text(kind, entries)))
    users = naming.users_of(steps)
    if users:
        evidence.append(users_sentence(users))
    young = young_sentence(scene, index, children)
    if young:
        evidence.append(young)
    doubts = find_doubts(scene, index, steps, children)
    if is_block:
        doubts = ("one large block is rarely what collects", *doubts)
    sure = share >= 2 * thresholds.LARGE_SHARE and not doubts
    address = address_of(scene, index)
    place = next((f"{one.file}:{one.line}" for one in users), "") or _last_place(steps)
    return Suspect(
        kind=SuspectKind.ACCUMULATION,
        holder=holder,
        path=steps,
        retained_bytes=point.retained,
        share=share,
        confidence=Confidence.MEDIUM if sure else Confidence.LOW,
        evidence=tuple(evidence),
        next=(
            f"heapscope paths {scene.source} --address {address}",
            f"heapscope dominators {scene.source} --under {address}",
        ),
        object_index=index,
        place=place,
        kinds=(SuspectKind.ACCUMULATION,),
        type_name=scene.type_name(index),
        entries=entries,
        doubts=doubts,
        weight=share * (FILLED_NOW if young else 1) * DOUBTED ** len(doubts),
    )


def _last_place(steps: tuple[PathStep, ...]) -> str:
    return next((step.place for step in reversed(steps) if step.place), "")
