"""What a capture is expected to cost, part by part, against the tightest limit: the head-room.

Never allocates to find out, and never changes a limit.

The clone shares all memory with the target until one of the two writes:

    page tables           the kernel copies them when it makes the clone                              VmPTE
    swapped memory        comes back into memory when the walker reads it                             VmSwap
    walker                what it writes: the Python one reference counts nearly everywhere           a share of RssAnon
    writes of the target  each page that it writes while the clone lives, at most all that the walker left shared

The estimate is what to expect, not the worst case, which is all of RssAnon (one full garbage collection comes near that); the
watch over the clone (service/watch.py) ends it before the difference hurts. Since Linux 5.8 a write to a huge page splits it and
un-shares 4 KiB (measured: 16 writes to 16 huge pages, 64 KiB), so huge pages need no factor there; before, each cost 2 MiB.
Pages of hugetlbfs are no part of the estimate: they come from a pool of their own, and where that is empty the kernel takes the
page from the clone, not from the target.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

from heapscope.target.activity import MemoryFacts, read_memory_facts
from heapscope.target.experience import Observed
from heapscope.target.limits import HERE, Limit, Places, Resource, commit_limit, memory_limits
from heapscope.target.maps import Mapping
from heapscope.target.process import parse_status, read_text
from heapscope.target.tasks import TASKS_NEEDED, task_limits
from heapscope.units import format_bytes

NATIVE_CLONE = "native-clone"
PYTHON_CLONE = "python-clone"
COLLECTORS = (NATIVE_CLONE, PYTHON_CLONE)
"""Cheapest first: what the first one needs decides whether a target can be captured at all."""

SPLITS_HUGE_PAGES = (5, 8)  # the kernel release, see above
_START_S = 0.3  # from the clone to the first object
_MARGIN = 1.5  # over what an earlier capture of the same target cost


@dataclass(frozen=True, slots=True)
class CollectorCost:
    """What a walker writes: a share of the target's anonymous memory that it un-shares, what it needs besides, its speed."""

    unshared_share: float
    notes_share: float
    fixed_bytes: int
    bytes_per_s: float


COSTS = {
    # Bitmaps and buffers only; 5 million objects of 70 bytes a second.
    NATIVE_CLONE: CollectorCost(0.02, 0.0, 16 << 20, 350e6),
    # Reference counts of all objects, and sets and lists about them: 50 to 80 bytes an object, measured with small objects.
    PYTHON_CLONE: CollectorCost(1.0, 1.0, 32 << 20, 35e6),
}


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is needed of the resource that is tightest, what is available of it, and which limit says so.

    Bytes; of TASKS a count. ``parts`` add up to ``needed``. ``limit`` is None where nothing limits.
    """

    needed: int
    available: int
    limited_by: str
    parts: Dictionary[str, int] = field(default_factory=dict)
    limit: Limit | None = None
    collector: str = ""

    @property
    def is_enough(self) -> bool:
        """Whether what is needed fits."""
        return self.available >= self.needed

    @property
    def resource(self) -> Resource:
        """What the figures count."""
        return self.limit.resource if self.limit else Resource.MEMORY

    def parts_text(self) -> str:
        """Write the larger parts for people: ``walker 1.20G, page tables 4.00M``."""
        shown = sorted(((size, name) for name, size in self.parts.items() if size >= 1 << 20), reverse=True)
        return ", ".join(f"{name} {format_bytes(size)}" for size, name in shown)


def expected_seconds(anonymous: int, collector: str) -> float:
    """Return how long a walk over so many bytes of anonymous memory takes."""
    return _START_S + anonymous / COSTS[collector].bytes_per_s


def estimate_parts(
    memory: MemoryFacts, collector: str, *, write_rate: float = 0.0, huge: int = 0, observed: Observed | None = None
) -> dict[str, int]:
    """Estimate what a capture costs, in bytes by part.

    Args:
        memory: of the target.
        collector: a key of COSTS.
        write_rate: of the target, in bytes a second (activity.py).
        huge: bytes in huge pages that a single write un-shares as a whole.
        observed: what the last capture of this process with this collector cost; it replaces walker and writes.
    """
    if observed is not None and observed.anonymous_bytes > 0:
        growth = max(1.0, memory.anonymous / observed.anonymous_bytes)
        return {"as the last capture, and half of that": int(observed.unshared_bytes * growth * _MARGIN)}
    cost = COSTS[collector]
    walked = memory.anonymous + memory.swapped
    walker = cost.fixed_bytes + int(walked * (cost.unshared_share + cost.notes_share))
    still_shared = int(memory.anonymous * (1 - cost.unshared_share))
    writes = int(write_rate * expected_seconds(walked, collector))
    if write_rate > 0:
        writes = max(writes, huge)
    return {
        "walker": walker,
        "writes of the target": min(writes, still_shared),
        "page tables": memory.page_tables,
        "swapped memory": memory.swapped,
    }


def commit_charge(mappings: Iterable[Mapping]) -> int:
    """Return the bytes that a kernel which does not overcommit charges for a clone: all private memory that may be written."""
    return sum(mapping.size for mapping in mappings if mapping.perms[1:2] == "w" and mapping.perms.endswith("p"))


def measure_headroom(
    pid: int,
    collector: str = COLLECTORS[0],
    *,
    write_rate: float = 0.0,
    kernel: tuple[int, ...] = SPLITS_HUGE_PAGES,
    mappings: Iterable[Mapping] = (),
    observed: Observed | None = None,
    places: Places = HERE,
) -> Headroom:
    """Compare the estimate with each limit on memory above the target; the one that is shortest counts.

    Args:
        pid: the target.
        collector: a key of COSTS.
        write_rate: as for estimate_parts.
        kernel: release of this kernel.
        mappings: of the target, for the commit charge.
        observed: as for estimate_parts.
        places: where the kernel's files are.
    """
    memory = read_memory_facts(pid, places.proc)
    huge = _huge_bytes(pid, places) if kernel < SPLITS_HUGE_PAGES and write_rate > 0 else 0
    parts = estimate_parts(memory, collector, write_rate=write_rate, huge=huge, observed=observed)
    found = [_headroom(parts, limit, collector) for limit in memory_limits(pid, places)]
    commit = commit_limit(places)
    if commit is not None:
        charge = {"address space that it may write": commit_charge(mappings)}
        found.append(_headroom(charge, commit, collector))
    if not found:
        needed = sum(parts.values())
        return Headroom(needed, needed, "nothing", parts, None, collector)
    return min(found, key=lambda room: room.available - room.needed)


def measure_tasks(pid: int, places: Places = HERE) -> Headroom | None:
    """Compare the one process more, and a few for the target itself, with the tightest limit on tasks; None without any."""
    limits = task_limits(pid, places)
    if not limits:
        return None
    tightest = min(limits, key=lambda limit: limit.available)
    return _headroom({"tasks": TASKS_NEEDED}, tightest, "")


def _headroom(parts: dict[str, int], limit: Limit, collector: str) -> Headroom:
    return Headroom(sum(parts.values()), max(0, limit.available), limit.name, parts, limit, collector)


def _huge_bytes(pid: int, places: Places) -> int:
    text = read_text(os.path.join(places.proc, str(pid), "smaps_rollup")) or ""
    words = parse_status(text).get("AnonHugePages", "").split()
    return int(words[0]) * 1024 if words and words[0].isdigit() else 0
