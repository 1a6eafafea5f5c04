"""Where the memory of a process was at one moment, as it was read: the raw figures of a memory split.

Never judges and never adds up across parts; analysis does. A record of them is an optional section of a snapshot file.

All sizes are bytes. ``resident`` or no word means: in memory, part of the RSS. The figures of ``pymalloc`` (in use, partly free,
empty), of ``malloc`` (used, free, lost, mapped: the resident ones), and ``stacks``, ``private``, ``file`` and ``shared`` add up
to ``rss_bytes``.
"""

from __future__ import annotations

import dataclasses

MAX_MAPPINGS = 2048  # those with most in memory; the rest is in the sums
MAX_IMAGES = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class MappingFacts:
    """One mapping. ``kind`` is what most of it is: pymalloc, heap, malloc, stack, private, file, shared."""

    start: int
    end: int
    perms: str
    path: str
    kind: str
    rss_bytes: int
    pss_bytes: int
    private_bytes: int
    swap_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class SizeClass:
    """Blocks of one size in pymalloc: how many pools they are in, how many are in use, and what is free in these pools."""

    block_bytes: int
    pools: int
    blocks: int
    free_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class PymallocFacts:
    """What pymalloc has. ``attributed_bytes``: what of that in use the walk found to be objects'; None if not known."""

    in_use_bytes: int
    partly_free_bytes: int
    empty_bytes: int
    arenas: int
    sparse_pools: int
    sparse_bytes: int
    allocated_bytes: int = 0
    """In use as well, whether in memory or swapped out."""
    attributed_bytes: int | None = None
    classes: tuple[SizeClass, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class MallocFacts:
    """What glibc's malloc has in its heaps, and in blocks that are mappings of their own (``mapped``)."""

    arenas: int
    used_bytes: int
    used_resident: int
    free_bytes: int
    free_resident: int
    trim_bytes: int
    lost_resident: int
    largest_free: int
    mapped_blocks: int
    mapped_bytes: int
    mapped_resident: int
    is_told_apart: bool = True
    """False: the process was running, and used stands for used and free."""


@dataclasses.dataclass(frozen=True, slots=True)
class MemoryFacts:
    """Everything that was read. ``limit_bytes`` is the tightest limit of a control group, None without any."""

    rss_bytes: int
    pss_bytes: int
    uss_bytes: int
    swap_bytes: int
    stacks_bytes: int
    private_bytes: int
    file_bytes: int
    shared_bytes: int
    threads: int = 0
    limit_bytes: int | None = None
    limit_source: str = ""
    allocator: str = ""
    is_frozen: bool = True
    """Whether it was read from the clone; else from the running process, whose figures move while they are read."""
    is_even: bool = False
    """Whether the kernel did not tell which pages are in memory, so that mappings count as evenly resident."""
    is_free_threaded: bool = False
    pymalloc: PymallocFacts | None = None
    malloc: MallocFacts | None = None
    mappings: tuple[MappingFacts, ...] = ()
    mapping_count: int = 0
    images: tuple[tuple[int, int], ...] = ()
    """Start and end of the static data of program and libraries: objects there take none of the other parts."""
    warnings: tuple[str, ...] = ()
