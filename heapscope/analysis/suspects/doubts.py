"""What speaks against a large holder being a problem: it is bounded, or it was loaded once. No I/O.

Never clears anybody: a doubt is one line of evidence, and growth over several snapshots outweighs it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from heapscope.analysis.suspects.caches import LINK, say_counts
from heapscope.analysis.suspects.model import PathStep
from heapscope.analysis.suspects.scene import Scene
from heapscope.snapshot.model import U32Array
from heapscope.units import format_count

MIN_ROUND = 100
MIN_TRACKED = 100
NAMED_KEYS = 0.5
MAX_KEYS = 1 << 16
MAX_HELD = 1 << 20
_LIMIT = re.compile(
    r"_*(?:[A-Za-z]+__)?(?:max(?:_?\w+)?|(?:\w+_)?(?:limit|capacity|maxsize|maxlen|ttl)|(?:\w+_)?max(?:_\w+)?)",
    re.ASCII,
)
_BOUNDED_TYPES = re.compile(r"(?:cachetools|lru|cachebox|expiringdict|django\.core\.cache)\b.*", re.ASCII)
_WEAK = frozenset({"weakref.KeyedRef", "weakref.weakref", "weakref.ReferenceType"})


def find_doubts(
    scene: Scene, index: int, steps: Sequence[PathStep], children: U32Array, *, is_growing: bool = False
) -> tuple[str, ...]:
    """List what speaks against an object that accumulates; of one that was seen to grow, whether it has a limit."""
    found = [_has_limit(scene, steps), _is_bounded_type(scene, steps, children)]
    if not is_growing:
        found += [_is_round(scene.length(index)), _is_loaded_once(scene, index, children), _is_settings(scene, index)]
    return tuple(doubt for doubt in found if doubt)


def _has_limit(scene: Scene, steps: Sequence[PathStep]) -> str:
    """Look for a limit among the attributes of the object that has the holder as an attribute."""
    if len(steps) < 2 or not steps[-1].name.startswith("."):
        return ""
    owner = steps[-2]
    if owner.type_name == "builtins.module" or owner.object_index < 0:
        return ""
    address = scene.info(owner.object_index).address
    facts = next((facts for facts in scene.snapshot.instances if facts.type_address == address), None)
    name = next((name for name in (facts.attributes if facts else ()) if _LIMIT.fullmatch(name)), "")
    return f"its owner has an attribute {name}: it may be bounded" if name else ""


def _is_bounded_type(scene: Scene, steps: Sequence[PathStep], children: U32Array) -> str:
    named = next((step.type_name for step in reversed(steps) if _BOUNDED_TYPES.fullmatch(step.type_name)), "")
    if named:
        return f"{named} has a limit"
    limited = _limit_of_cache(scene, steps)
    if limited:
        return limited
    kinds = {scene.type_name(one) for one in children[:64].tolist() if scene.is_object(one)}
    if LINK in kinds:
        return "it is an lru_cache with a maxsize"
    return "its items are weakly referenced, and go when nobody else needs them" if kinds & _WEAK else ""


def _limit_of_cache(scene: Scene, steps: Sequence[PathStep]) -> str:
    """Say what the limit of an ``lru_cache`` is, where the holder is one, or its dict."""
    held = {step.object_index for step in steps[-2:]}
    for known in scene.snapshot.caches:
        if known.limit is not None and not held.isdisjoint((known.object_index, known.table_index)):
            filled = format_count(scene.length(known.table_index) or 0)
            return f"it is an lru_cache with a maxsize of {format_count(known.limit)}, of which {filled} are filled; {say_counts(known)}"
    return ""


def _is_round(entries: int | None) -> str:
    if entries is None or entries < MIN_ROUND:
        return ""
    if entries % MIN_ROUND == 0 or entries & (entries - 1) == 0:
        return f"exactly {entries:,} entries: a round number, as of something with a limit that is full"
    return ""


def young_sentence(scene: Scene, index: int, children: U32Array) -> str:
    """Say how much of what an object holds is new; "" where nothing is, or where the collector does not track it."""
    young, _ = scene.generation_counts(_held(scene, index, children))
    if not young:
        return ""
    return f"it is still being filled: {young:,} objects that it holds are in the collector's younger generations"


def _held(scene: Scene, index: int, children: U32Array) -> U32Array:
    objects = children[children < scene.snapshot.object_count]
    if scene.length(index) is None:
        return objects
    # A mark per object: numpy's own union of millions takes a second.
    is_held = np.zeros(scene.snapshot.object_count, dtype=np.bool_)
    is_held[objects] = True
    is_held[scene.references(index)[:MAX_HELD]] = True
    return np.flatnonzero(is_held).astype(np.uint32)


def _is_loaded_once(scene: Scene, index: int, children: U32Array) -> str:
    """Tell whether all that it holds is old, while others make new objects."""
    young, tracked = scene.generation_counts(_held(scene, index, children))
    if tracked < MIN_TRACKED or young or not scene.young_count:
        return ""
    return "nothing was added to it lately: all that it holds is in the collector's oldest generation"


def _is_settings(scene: Scene, index: int) -> str:
    """Tell a table of names, as programs write them, from what is keyed by data."""
    count = scene.length(index)
    if not scene.type_name(index).endswith(("dict", "Dict")) or not count:
        return ""
    keys = scene.references(index)[: min(count, MAX_KEYS)].tolist()
    names = scene.snapshot.naming.names
    if sum(1 for key in keys if key in names) < NAMED_KEYS * len(keys):
        return ""
    return "its keys are names that stand in code: a table of the program rather than data"
