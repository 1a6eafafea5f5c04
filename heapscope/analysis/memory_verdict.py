"""One sentence: do objects hold the memory, or the allocator, or neither? Pure; never shows anything."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from heapscope.snapshot.memory import MemoryFacts
from heapscope.units import format_bytes

ALLOCATOR_SHARE = 0.25
"""From this share of the RSS on, free memory that allocators keep is worth a remedy, whatever else there is."""


class VerdictKind(enum.StrEnum):
    """What holds most of the memory."""

    OBJECTS = "objects"
    ALLOCATOR = "allocator"
    NATIVE = "native"
    MAPPED = "mapped"


def judge(facts: MemoryFacts, sizes: Mapping[str, int], *, is_known: bool) -> tuple[VerdictKind, str]:
    """Return kind and sentence for the sizes of the parts. ``is_known``: the heap was walked."""
    groups = {
        VerdictKind.OBJECTS: sizes["python_objects"],
        VerdictKind.ALLOCATOR: sizes["malloc_free"] + sizes["pymalloc_partly_free"] + sizes["pymalloc_empty"],
        VerdictKind.NATIVE: sizes["malloc_used"] + sizes["private"],
        VerdictKind.MAPPED: sizes["file"] + sizes["shared"] + sizes["stacks"],
    }
    rss = max(1, facts.rss_bytes)
    kind = max(groups, key=lambda each: groups[each])
    if kind != VerdictKind.ALLOCATOR and groups[VerdictKind.ALLOCATOR] >= ALLOCATOR_SHARE * rss:
        is_close = groups[VerdictKind.ALLOCATOR] >= groups[kind] / 2
        kind = VerdictKind.ALLOCATOR if is_close else kind
    size = groups[kind]
    amount = f"{format_bytes(size)} of {format_bytes(facts.rss_bytes)} ({size / rss:.0%})"
    if not is_known:
        return kind, f"{_BEFORE[kind]} {amount}; objects and malloc are told apart when the heap has been walked"
    return kind, _sentence(kind, amount, facts, sizes)


_BEFORE = {
    VerdictKind.OBJECTS: "so far: small Python objects hold",
    VerdictKind.ALLOCATOR: "so far: free memory that pymalloc keeps is",
    VerdictKind.NATIVE: "so far: malloc and private mappings hold",
    VerdictKind.MAPPED: "so far: files, shared memory and stacks hold",
}


def _sentence(kind: VerdictKind, amount: str, facts: MemoryFacts, sizes: Mapping[str, int]) -> str:
    if kind == VerdictKind.OBJECTS:
        return f"objects, not the allocator: Python objects hold {amount}"
    if kind == VerdictKind.ALLOCATOR:
        trim = facts.malloc.trim_bytes if facts.malloc else 0
        in_malloc = sizes["malloc_free"] >= sizes["pymalloc_partly_free"] + sizes["pymalloc_empty"]
        who = "malloc keeps" if in_malloc else "pymalloc keeps in pools that few objects pin"
        more = f"; malloc_trim would return up to {format_bytes(trim)}" if in_malloc and trim else ""
        return f"the allocator, not objects: free memory that {who} is most of {amount}{more}"
    if kind == VerdictKind.NATIVE:
        return f"neither objects nor free memory: what is not Python's has {amount} in use"
    return f"neither objects nor the allocator: files, shared memory and stacks hold {amount}"
