"""The use case "where is the memory of this process": reads the figures, and says what each stretch of address space is.

Costs the target nothing but the kernel's look at its page tables: nothing runs in it, nothing of it is stopped. Allocators are
read from the clone, which stands still. Never fails a capture: what cannot be read is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heapscope.service.memory_ground import Ground, range_of
from heapscope.snapshot.memory import (
    MAX_IMAGES,
    MAX_MAPPINGS,
    MallocFacts,
    MappingFacts,
    MemoryFacts,
    PymallocFacts,
)
from heapscope.target.info import TargetInfo
from heapscope.target.limits import memory_limits
from heapscope.target.malloc import find_heaps, name_allocator
from heapscope.target.pymalloc import Pools, read_pools
from heapscope.target.smaps import Resident, read_smaps
from heapscope.target.smaps_stacks import stack_pointers
from heapscope.target.symbols import find_python
from heapscope.units import clean_text

_MAX_PATH = 400
_HOST = "the memory of the host"


@dataclass(frozen=True, slots=True)
class Observed:
    """What was read of the running target; before a clone shares its pages, or PSS and USS would be those of two."""

    entries: tuple[Resident, ...]
    stack_pointers: tuple[int, ...]
    limit_bytes: int | None
    limit_source: str


def observe_memory(target: TargetInfo) -> Observed:
    """Read the figures of a running process.

    Raises:
        TargetGone: it is gone.
        PermissionRefused: it may not be read.
    """
    limits = [limit for limit in memory_limits(target.pid) if limit.name != _HOST]
    tightest = min(limits, key=lambda limit: limit.total, default=None)
    return Observed(
        tuple(read_smaps(target.pid)),
        tuple(stack_pointers(target.pid)),
        tightest.total if tightest else None,
        tightest.name if tightest else "",
    )


def quick_memory(target: TargetInfo) -> MemoryFacts:
    """Read what is cheap from the running process: some milliseconds, no clone, no walk over malloc's chunks.

    Raises as ``observe_memory``, and OSError.
    """
    observed = observe_memory(target)
    return memory_facts(target, observed, target.pid, observed.entries, is_frozen=False)


def frozen_memory(target: TargetInfo, observed: Observed, clone_pid: int) -> MemoryFacts:
    """Read everything, from the clone, which must not have been given its orders: what it allocates would be counted.

    Raises:
        HeapscopeError: the clone is gone, or may not be read.
        OSError: as well.
    """
    return memory_facts(target, observed, clone_pid, read_smaps(clone_pid), is_frozen=True)


def memory_facts(
    target: TargetInfo, observed: Observed, pid: int, entries: Sequence[Resident], *, is_frozen: bool
) -> MemoryFacts:
    """Sort what is in memory by what it is. ``pid`` is whose memory is read, ``entries`` are its mappings."""
    own = [entry for entry in observed.entries if not entry.is_anonymous]
    ground = Ground(pid, entries)
    pools = _pools_of(target, ground, entries)
    heaps = find_heaps(pid, entries)
    pymalloc = ground.take_pools(pools)
    malloc = ground.take_malloc(heaps, is_frozen=is_frozen)
    ground.take_stacks(entries, observed.stack_pointers)
    tails = ground.resident("file")
    missing = sum(entry.rss for entry in observed.entries if entry.is_anonymous and not ground.covers(entry))
    shared = sum(entry.rss for entry in own if entry.is_shared)
    files = sum(entry.rss for entry in own if not entry.is_shared)
    stacks = ground.resident("stack")
    anonymous = ground.total
    known = stacks + tails + _sum_pymalloc(pymalloc) + _sum_malloc(malloc)
    return MemoryFacts(
        rss_bytes=anonymous + missing + files + shared,
        pss_bytes=sum(entry.pss for entry in observed.entries),
        uss_bytes=sum(entry.private for entry in observed.entries),
        swap_bytes=sum(entry.swap for entry in observed.entries),
        stacks_bytes=stacks,
        private_bytes=anonymous - known + missing,
        file_bytes=files + tails,
        shared_bytes=shared,
        threads=target.thread_count,
        limit_bytes=observed.limit_bytes,
        limit_source=clean_text(observed.limit_source, 200),
        allocator=name_allocator(entries),
        is_frozen=is_frozen,
        is_even=not ground.pages.is_exact,
        is_free_threaded=target.free_threaded,
        pymalloc=pymalloc,
        malloc=malloc,
        mappings=_mappings(observed.entries, ground),
        mapping_count=len(observed.entries),
        images=_images(entries, ground)[:MAX_IMAGES],
    )


def _pools_of(target: TargetInfo, ground: Ground, entries: Sequence[Resident]) -> Pools | None:
    """Read where pymalloc's pools are; a free-threaded build has another allocator."""
    version = tuple(int(part) for part in (target.python_version or "0.0").split(".")[:2] if part.isdigit())
    if target.free_threaded or len(version) != 2:
        return None
    mappings = [entry.mapping for entry in entries]
    python = find_python(ground.pid, mappings)
    return read_pools(ground.pid, python.runtime, (version[0], version[1]), mappings) if python else None


def _sum_pymalloc(found: PymallocFacts | None) -> int:
    return found.in_use_bytes + found.partly_free_bytes + found.empty_bytes if found else 0


def _sum_malloc(found: MallocFacts | None) -> int:
    if found is None:
        return 0
    return found.used_resident + found.free_resident + found.lost_resident + found.mapped_resident


def _images(entries: Iterable[Resident], ground: Ground) -> tuple[tuple[int, int], ...]:
    """Return where static objects may be."""
    data = [range_of(each) for each in entries if each.mapping.is_file and "w" in each.mapping.perms]
    every = sorted((*data, *ground.taken.get("file", ())), key=lambda each: each.start)
    return tuple((each.start, each.stop) for each in every)


def _mappings(entries: Iterable[Resident], ground: Ground) -> tuple[MappingFacts, ...]:
    largest = sorted(entries, key=lambda entry: (-entry.rss, entry.mapping.start))[:MAX_MAPPINGS]
    return tuple(
        MappingFacts(
            start=entry.mapping.start,
            end=entry.mapping.end,
            perms=entry.mapping.perms,
            path=clean_text(entry.mapping.path, _MAX_PATH),
            kind=ground.kind_of(entry),
            rss_bytes=entry.rss,
            pss_bytes=entry.pss,
            private_bytes=entry.private,
            swap_bytes=entry.swap,
        )
        for entry in largest
    )
