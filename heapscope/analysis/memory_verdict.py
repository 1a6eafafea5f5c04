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


def judge(
    facts: MemoryFacts, sizes: Mapping[str, int], *, is_known: bool, numpy_bytes: int = 0
) -> tuple[VerdictKind, str]:
    """Return kind and sentence for the sizes of the parts.

    Args:
        facts: what was read.
        sizes: bytes by the name of the part.
        is_known: whether the heap was walked.
        numpy_bytes: what of malloc's is numpy's data.
    """
    groups = {
        VerdictKind.OBJECTS: sizes["python_objects"],
        VerdictKind.ALLOCATOR: sizes["malloc_free"] + sizes["pymalloc_partly_free"] + sizes["pymalloc_empty"],
        VerdictKind.NATIVE: sizes["malloc_used"] + sizes["private"],
        VerdictKind.MAPPED: sizes["file"] + sizes["shared"] + sizes["stacks"],
    }
    rss = max(1, facts.rss_bytes)
    kind = max(groups, key=lambda each: groups[each])
    free = groups[VerdictKind.ALLOCATOR]
    if free >= ALLOCATOR_SHARE * rss and 2 * free >= groups[kind]:
        kind = VerdictKind.ALLOCATOR
    size = groups[kind]
    amount = f"{format_bytes(size)} of {format_bytes(facts.rss_bytes)} ({size / rss:.0%})"
    if not is_known:
        return kind, f"so far: {_BEFORE[kind].format(amount)}; a walk tells more"
    return kind, _sentence(kind, amount, facts, sizes, numpy_bytes)


_BEFORE = {
    VerdictKind.OBJECTS: "{} is small Python objects",
    VerdictKind.ALLOCATOR: "{} is free, kept by allocators",
    VerdictKind.NATIVE: "{} is malloc's or private",
    VerdictKind.MAPPED: "{} is files, shared memory, stacks",
}


def _sentence(kind: VerdictKind, amount: str, facts: MemoryFacts, sizes: Mapping[str, int], numpy_bytes: int) -> str:
    if kind == VerdictKind.OBJECTS:
        return f"objects, not the allocator: {amount} is Python objects"
    if kind == VerdictKind.ALLOCATOR:
        in_malloc = sizes["malloc_free"] >= sizes["pymalloc_partly_free"] + sizes["pymalloc_empty"]
        if not in_malloc:
            return f"the allocator, not objects: {amount} is free memory, most of it in pymalloc's arenas"
        trim = format_bytes(facts.malloc.trim_bytes) if facts.malloc else "0B"
        return f"the allocator, not objects: {amount} is free, kept by malloc; malloc_trim would return up to {trim}"
    if kind == VerdictKind.NATIVE:
        numpy = f", {format_bytes(numpy_bytes)} of it numpy data" if numpy_bytes >= sizes["malloc_used"] / 10 else ""
        return f"neither objects nor free memory: {amount} is in use outside of Python objects{numpy}"
    return f"neither objects nor the allocator: {amount} is files, shared memory and stacks"
