"""Brute force: what the compiled kernels compute, by definition, on graphs small enough to be understood.

Never fast, never clever, and never calls what it judges.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from heapscope.graph.references import References

Lists = Sequence[Sequence[int]]
"""``lists[i]`` are the nodes that node i refers to, in order; the same one may come again."""


def references_of(lists: Lists) -> References:
    """Give the lists in compressed form."""
    offsets = np.cumsum([0, *(len(targets) for targets in lists)], dtype=np.uint64)
    return References(offsets, np.array([target for targets in lists for target in targets], dtype=np.uint32))


def reach(lists: Lists, seeds: Iterable[int], avoid: Iterable[int] = ()) -> set[int]:
    """Give all that the seeds reach without entering what is to be avoided."""
    barred = set(avoid)
    reached = {seed for seed in seeds if seed not in barred}
    waiting = list(reached)
    while waiting:
        for target in lists[waiting.pop()]:
            if target not in reached and target not in barred:
                reached.add(target)
                waiting.append(target)
    return reached


def distances(lists: Lists, seeds: Iterable[int], avoid: Iterable[int] = ()) -> dict[int, int]:
    """Give the number of references on a shortest way from any seed."""
    barred = set(avoid)
    found = {seed: 0 for seed in seeds if seed not in barred}
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        for target in lists[node]:
            if target not in found and target not in barred:
                found[target] = found[node] + 1
                waiting.append(target)
    return found


def with_root(lists: Lists, tops: Iterable[int], groups: Lists = ()) -> list[list[int]]:
    """Add a node per group, and one for the root, the last."""
    graph = [*map(list, lists), *map(list, groups)]
    return [*graph, [*tops, *range(len(lists), len(graph))]]


def immediate_dominators(graph: Lists, root: int) -> dict[int, int]:
    """Give the immediate dominator of all that the root reaches, but of itself: by taking away each node in turn."""
    reached = reach(graph, [root])
    dominators: dict[int, set[int]] = {node: set() for node in reached}
    for node in reached:
        for lost in reached - reach(graph, [root], [node]) - {node}:
            dominators[lost].add(node)
    # The closest one is the one that all others dominate.
    return {node: max(above, key=lambda one: len(dominators[one])) for node, above in dominators.items() if above}


def retained(graph: Lists, root: int, taken: Iterable[int], sizes: Sequence[int]) -> int:
    """Give the sizes of what the root reaches, but not without the nodes that are taken away."""
    return sum(sizes[node] for node in reach(graph, [root]) - reach(graph, [root], taken))
