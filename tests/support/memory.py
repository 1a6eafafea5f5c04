"""Made-up figures of a process's memory that agree with each other. Reads nothing."""

from __future__ import annotations

from dataclasses import replace

from heapscope.snapshot.memory import MallocFacts, MappingFacts, MemoryFacts, PymallocFacts, SizeClass

MEGABYTE = 1 << 20
IMAGE = (0x5500_0000_0000, 0x5500_0010_0000)

PYMALLOC = PymallocFacts(
    in_use_bytes=40 * MEGABYTE,
    partly_free_bytes=3 * MEGABYTE,
    empty_bytes=MEGABYTE,
    arenas=44,
    sparse_pools=12,
    sparse_bytes=180_000,
    allocated_bytes=40 * MEGABYTE,
    attributed_bytes=39 * MEGABYTE,
    classes=(SizeClass(48, 100, 30_000, 200_000), SizeClass(512, 10, 300, 9_000)),
)
MALLOC = MallocFacts(
    arenas=2,
    used_bytes=30 * MEGABYTE,
    used_resident=28 * MEGABYTE,
    free_bytes=6 * MEGABYTE,
    free_resident=5 * MEGABYTE,
    trim_bytes=4 * MEGABYTE,
    lost_resident=0,
    largest_free=MEGABYTE,
    mapped_blocks=3,
    mapped_bytes=20 * MEGABYTE,
    mapped_resident=20 * MEGABYTE,
)
MAPPINGS = (
    MappingFacts(0x7F00_0000_0000, 0x7F00_0400_0000, "rw-p", "[heap]", "heap", 33 * MEGABYTE, 0, 0, 0),
    MappingFacts(0x7F10_0000_0000, 0x7F10_0080_0000, "r-xp", "/usr/lib/libc.so.6", "file", 6 * MEGABYTE, 0, 0, 0),
    MappingFacts(0x7F20_0000_0000, 0x7F20_0080_0000, "rw-p", "", "private", 2 * MEGABYTE, 0, 0, 0),
)


def with_rss(facts: MemoryFacts) -> MemoryFacts:
    """Make the RSS the sum of the parts, as it is where figures are read."""
    pymalloc, malloc = facts.pymalloc, facts.malloc
    size = facts.stacks_bytes + facts.private_bytes + facts.file_bytes + facts.shared_bytes
    if pymalloc is not None:
        size += pymalloc.in_use_bytes + pymalloc.partly_free_bytes + pymalloc.empty_bytes
    if malloc is not None:
        size += malloc.used_resident + malloc.free_resident + malloc.lost_resident + malloc.mapped_resident
    return replace(facts, rss_bytes=size)


FACTS = with_rss(
    MemoryFacts(
        rss_bytes=0,
        pss_bytes=99 * MEGABYTE,
        uss_bytes=98 * MEGABYTE,
        swap_bytes=0,
        stacks_bytes=MEGABYTE,
        private_bytes=2 * MEGABYTE,
        file_bytes=8 * MEGABYTE,
        shared_bytes=MEGABYTE,
        threads=9,
        limit_bytes=512 * MEGABYTE,
        limit_source="memory.max of control group /app",
        allocator="glibc",
        pymalloc=PYMALLOC,
        malloc=MALLOC,
        mappings=MAPPINGS,
        mapping_count=3,
        images=(IMAGE,),
    )
)
