"""Room for attributes that hardly any instance has: one instance with many more makes all later ones larger (3.11+).

Never counts instances that have a dict object: attributes.py does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heapscope.analysis.slots.layout import GC_HEADER, block_bytes
from heapscope.analysis.waste import sizes
from heapscope.analysis.waste.model import Finding, Pattern, Precision
from heapscope.analysis.waste.parts import HeapParts, runs
from heapscope.snapshot.model import InstanceFacts, TypeInfo
from heapscope.units import clean_text, format_bytes
from heapscope.wire.protocol import DictState

RARE_SHARE = 0.01  # of the instances: an attribute that fewer have is better kept elsewhere
_SHOWN_NAMES = 6
_PRE_HEADER = 16


def find_reserved(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find classes whose instances keep room for more attributes than they have. O(instances of such classes)."""
    if parts.version < (3, 11):
        return
    snapshot = parts.snapshot
    facts_by_type = {facts.type_address: facts for facts in snapshot.instances}
    state = DictState.VALUES if parts.version < (3, 13) else DictState.INLINE
    objects = np.flatnonzero(parts.state == state).astype(np.uint32)
    objects = objects[np.argsort(snapshot.type_index[objects], kind="stable")]
    for start, end in runs(snapshot.type_index[objects]):
        info = snapshot.types[int(snapshot.type_index[objects[start]])]
        facts = facts_by_type.get(info.address)
        if facts is None or facts.attributes_truncated or parts.native_base_of(info):
            continue
        members = objects[start:end]
        usual = _usual(facts)
        then = _bytes_with(parts, info, len(usual))
        now = parts.allocated(members)
        saves = np.maximum(now.astype(np.int64) - then, 0).astype(np.uint64)
        if int(saves.sum()) < max(least, 1):
            continue
        is_larger = saves > 0
        rare = tuple(sorted(set(facts.attributes) - set(usual)))
        each = round(int(now[is_larger].sum()) / int(np.count_nonzero(is_larger)))
        yield Finding(
            pattern=Pattern.RESERVED,
            subject=f"room in {clean_text(info.name)} for attributes that hardly any instance has",
            type_name=info.name,
            objects=members[is_larger],
            now=now[is_larger],
            saves=saves[is_larger],
            fix=_fix(len(usual), rare, each, then),
            precision=Precision.ESTIMATE,
            names=rare,
        )


def _usual(facts: InstanceFacts) -> list[str]:
    return [name for name, count in facts.attributes.items() if count >= RARE_SHARE * facts.count]


def _bytes_with(parts: HeapParts, info: TypeInfo, attributes: int) -> int:
    fixed = GC_HEADER + _PRE_HEADER + info.basicsize
    values = sizes.values_bytes(attributes + 1, parts.version)
    if parts.version < (3, 13):
        return block_bytes(fixed) + block_bytes(values)
    return block_bytes(fixed + values)


def _fix(usual: int, rare: tuple[str, ...], each: int, then: int) -> str:
    if not usual:
        return "they have no attributes of their own: __slots__ = () in the class leaves their room away"
    few = ", ".join(clean_text(name, 60) for name in rare[:_SHOWN_NAMES])
    more = f" and {len(rare) - _SHOWN_NAMES} more" if len(rare) > _SHOWN_NAMES else ""
    seldom = f": seldom set are {few}{more}" if rare else ""
    return (
        f"{usual} attributes need {format_bytes(then)}, not {format_bytes(each)}; keep rare ones in a dict or an object of "
        f"its own, or set them on no instance before the others exist{seldom}"
    )
