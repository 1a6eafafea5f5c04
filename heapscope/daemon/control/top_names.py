"""Which names get a series of their own: the largest, and those that were among them not long ago.

Never more than a limit, so that no target can make series without end. No I/O.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from heapscope.daemon.model import OTHER

STICKY_S = 6 * 3600.0  # a series that comes and goes is worth less than one that stays


class TopNames:
    """Names per owner (an instance). For one thread."""

    def __init__(self, limit: int, sticky_s: float = STICKY_S) -> None:
        self._limit = limit
        self._sticky_s = sticky_s
        self._seen: dict[Hashable, dict[str, float]] = {}

    def choose(self, owner: Hashable, sizes: Mapping[str, int], now: float) -> Sequence[str]:
        """Choose among the names of an owner: the largest now, and as there is room, others that were so lately."""
        seen = self._seen.setdefault(owner, {})
        ranked = sorted((name for name in sizes if name != OTHER), key=lambda name: (-sizes[name], name))
        for name, at in list(seen.items()):
            if now - at > self._sticky_s or at > now:
                del seen[name]
        # One that has a series keeps it; a new one takes the place of what has been out longest.
        for name in ranked[: self._limit]:
            if name not in seen and len(seen) >= self._limit:
                oldest = min(seen, key=lambda each: (seen[each], sizes.get(each, 0)))
                del seen[oldest]
            seen[name] = now
        return sorted(seen)

    def forget_all_but(self, owners: set[Hashable]) -> None:
        """Forget owners that are gone."""
        for owner in set(self._seen) - owners:
            del self._seen[owner]


def merged(rows: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Add up rows of one name: two series of one name are an error."""
    sums: dict[str, int] = {}
    for name, value in rows:
        sums[name] = sums.get(name, 0) + value
    return sums


def split_other(sizes: Mapping[str, int], chosen: Sequence[str], whole: int) -> dict[str, int]:
    """Give the chosen names, and OTHER with the rest of the whole, so that all add up to it."""
    shown = {name: sizes.get(name, 0) for name in chosen}
    return {**shown, OTHER: max(0, whole - sum(shown.values()))}
