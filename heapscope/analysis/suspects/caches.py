"""Caches that never drop anything: ``functools.lru_cache(maxsize=None)``, which is ``functools.cache``.

Never takes a cache with a limit for one without. The capture says what each counts and what its limit is; where it does not, a
cache with a limit keeps its results in links of a list, and one without as they are. No I/O.
"""

from __future__ import annotations

import numpy as np

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.found import Found, by_share
from heapscope.analysis.suspects.model import Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.wording import address_of
from heapscope.snapshot.model import CacheCounts
from heapscope.units import clean_text, format_bytes, format_count

_WRAPPER, LINK = "functools._lru_cache_wrapper", "functools._lru_list_elem"
_PROBED = 16  # results that are looked at for links
_FEW_HITS = 0.1  # of all calls: what is kept is hardly ever asked for again


def find_caches(scene: Scene, naming: Naming) -> list[Found]:
    """Find the large caches without a limit."""
    least = max(thresholds.LISTED_BYTES, int(thresholds.CACHE_SHARE * scene.snapshot.heap_bytes))
    counts = {one.object_index: one for one in scene.snapshot.caches}
    found = []
    for wrapper in scene.named(_WRAPPER).tolist():
        if scene.retained(wrapper) < least:
            continue
        known = counts.get(wrapper)
        cache = known.table_index if known is not None else scene.first_of(wrapper, "builtins.dict")
        entries = None if cache is None else scene.length(cache)
        if cache is None or entries is None or entries < thresholds.CACHE_ENTRIES or _has_limit(scene, cache, known):
            continue
        found.append(_describe(scene, naming, wrapper, cache, entries, known))
    return found


def _has_limit(scene: Scene, cache: int, known: CacheCounts | None) -> bool:
    if known is not None:
        return known.limit is not None
    count = scene.length(cache) or 0
    results = scene.references(cache)[count : count + _PROBED].tolist()
    return any(scene.type_name(one) == LINK for one in results)


def say_counts(known: CacheCounts) -> str:
    """Say how often an ``lru_cache`` was asked, and how often that was of use."""
    calls = known.hits + known.misses
    if not calls:
        return "it was never asked since it was last cleared"
    share = known.hits / calls
    text = f"asked {format_count(calls)} times: {format_count(known.hits)} hits ({share:.0%}), {format_count(known.misses)} misses"
    return f"{text}; what it keeps is hardly ever asked for again" if share < _FEW_HITS else text


def _describe(scene: Scene, naming: Naming, wrapper: int, cache: int, entries: int, known: CacheCounts | None) -> Found:
    function = scene.first_of(wrapper, "builtins.function")
    place = naming.code_of(function) if function is not None else None
    name = clean_text(place.name, 120) if place is not None and place.name else "a function"
    steps = naming.steps_to(wrapper)
    retained = scene.retained(wrapper)
    share = scene.share(retained)
    address = address_of(scene, wrapper)
    suspect = Suspect(
        kind=SuspectKind.UNBOUNDED_CACHE,
        holder=naming.holder(steps) or name,
        path=steps,
        retained_bytes=retained,
        share=share,
        confidence=by_share(share, thresholds.CACHE_ALARM_SHARE),
        evidence=(
            f"an lru_cache without maxsize around {name}: {format_count(entries)} results, and none is ever dropped",
            (
                f"{share:.0%} of the heap ({format_bytes(retained)}) would be freed with it, "
                f"{format_bytes(retained // max(1, entries))} a result"
            ),
            *(() if known is None else (say_counts(known),)),
            "arguments are kept as well: on a method that is self, so that no instance is ever freed",
        ),
        next=(
            f"heapscope paths {scene.source} --address {address}",
            f"heapscope dominators {scene.source} --under {address}",
        ),
        object_index=wrapper,
        place=f"{place.file}:{place.line}" if place is not None and place.file else "",
        kinds=(SuspectKind.UNBOUNDED_CACHE,),
        type_name=_WRAPPER,
        entries=entries,
        weight=share,
    )
    return Found(suspect, np.array([wrapper, cache], dtype=np.uint32))
