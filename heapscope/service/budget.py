"""How much memory a clone may cost while it lives, and when that is too much. Pure: figures in, a judgement out.

Never reads or ends anything; watch.py does.

Two bounds, because either alone can be wrong:

    budget   what the clone has un-shared. By default half of what is available when it is made, or the estimate where that is more.
    reserve  what every limit above the target keeps free, whoever used up the rest: ending the clone is what we can give back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heapscope.errors import BudgetExceeded
from heapscope.target.limits import Limit, Resource
from heapscope.units import clean_text, format_bytes

RESERVE_SHARE = 50  # one part in so many of a limit
SMALLEST_RESERVE = 32 << 20  # a service that is about to allocate does so in pieces of this order
LARGEST_RESERVE = 256 << 20


@dataclass(frozen=True, slots=True)
class Budget:
    """``unshared_bytes``: None is no bound. ``reserves``: bytes by name of the limit."""

    unshared_bytes: int | None
    is_chosen: bool
    reserves: dict[str, int]


def make_budget(
    limits: Iterable[Limit], *, estimate: int, chosen: int | None = None, ignore_head_room: bool = False
) -> Budget:
    """Return the budget of a clone that has just been made.

    Args:
        limits: on memory and commit, as they are now.
        estimate: bytes that the capture is expected to cost.
        chosen: bytes that the user allows; None for the default.
        ignore_head_room: without a budget of the user's there is none; the reserves stay.
    """
    known = list(limits)
    reserves = {limit.name: reserve_of(limit) for limit in known}
    available = [max(0, limit.available) for limit in known if limit.resource is Resource.MEMORY]
    if chosen is not None:
        return Budget(chosen, is_chosen=True, reserves=reserves)
    if ignore_head_room or not available:
        return Budget(None, is_chosen=False, reserves=reserves)
    return Budget(max(min(available) // 2, estimate), is_chosen=False, reserves=reserves)


def shortage(limits: Iterable[Limit], *, estimate: int, pid: int, collector: str) -> BudgetExceeded | None:
    """Return the error for a collector that does not fit, None if it does.

    The judge before the clone asks for the cheapest collector only; the one that runs may be another.
    """
    rooms = [limit for limit in limits if limit.resource is Resource.MEMORY]
    tightest = min(rooms, key=lambda limit: limit.available, default=None)
    if tightest is None or tightest.available >= estimate:
        return None
    return BudgetExceeded(
        f"the collector {collector} may need {format_bytes(estimate)} more memory for process {pid},"
        f" but {clean_text(tightest.name)} leaves {format_bytes(max(0, tightest.available))}",
        hint=f"heapscope attach {pid} --ignore-head-room  # the clone is ended before memory runs out",
    )


def reserve_of(limit: Limit) -> int:
    """Return what a limit keeps free: a fiftieth of it within bounds, but at most half of what is free at the start."""
    reserve = min(max(limit.total // RESERVE_SHARE, SMALLEST_RESERVE), LARGEST_RESERVE)
    return min(reserve, max(0, limit.available) // 2)


def excess(budget: Budget, unshared: int | None, limits: Iterable[Limit], pid: int) -> BudgetExceeded | None:
    """Return the error with which the clone of a target ends, None while all is well.

    ``unshared`` is what the clone costs so far, in bytes; None where it was not measured this time.
    """
    most = budget.unshared_bytes
    if unshared is not None and most is not None and unshared > most:
        origin = "--memory-budget" if budget.is_chosen else "half of what was available"
        return BudgetExceeded(
            f"the clone of process {pid} was ended: it had un-shared {format_bytes(unshared)},"
            f" and {format_bytes(most)} is its budget ({origin})",
            hint=f"try again when the target writes less, or allow more: --memory-budget {format_bytes(2 * unshared)}",
        )
    for limit in limits:
        reserve = budget.reserves.get(limit.name, 0)
        if limit.available < reserve:
            return BudgetExceeded(
                f"the clone of process {pid} was ended: {clean_text(limit.name)} had only"
                f" {format_bytes(max(0, limit.available))} left, {format_bytes(reserve)} is kept for the target",
                hint=f"free some memory, or raise the limit: {clean_text(limit.remedy) or 'heapscope doctor'}",
            )
    return None
