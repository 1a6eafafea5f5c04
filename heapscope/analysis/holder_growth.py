"""Growth per holder: which named way from the roots leads to what was added between snapshots.

Never compares an address, so snapshots of a restarted process, or of another worker, compare as well; and never calls growth
a leak. No I/O.

Trees of holders are matched by name and type. From the roots down, growth is followed into whatever there is one of per holder
(an attribute, a named key, a variable) and into parts that grow without becoming more; it stops where objects become more. That
is the accumulation point: the dict in which sessions pile up, not the sessions. Each byte of growth is told once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from heapscope.analysis.dominators import DominatorTree
from heapscope.analysis.holder_names import ANY_ATTRIBUTE, ANY_KEY, is_named
from heapscope.analysis.holder_tree import HolderTree, Step, find_holder_tree
from heapscope.analysis.trend import count_rising, growth_score, per_minute
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.snapshot.model import NO_OBJECT, Snapshot
from heapscope.units import short_type_name

GARBAGE = "(garbage awaiting collection)"
ELSEWHERE = "(small changes elsewhere)"

MIN_GROWTH = 1024  # bytes; less is told as part of ELSEWHERE, as is less than
MIN_SHARE = 0.002  # of all changes
MAX_DEPTH = 64
POPULATION_SHARE = 0.5  # of the growth of a part; if new objects make up more, there became more of them
COMING_AND_GOING = 0.25  # bytes under names that went / under names that came: from here on such names are data
FEW_ATTRIBUTES = 3  # that come, or go, are none: one is a cache that was made at the first request


@dataclasses.dataclass(frozen=True, slots=True)
class HolderGrowth:
    """What one holder held in each snapshot, in requested bytes, without what is told of other holders below it.

    ``series`` is per snapshot, oldest first; the changes of all holders add up to that of the whole heap. ``retained_*`` are what
    would be freed with the holder's objects, all below included: less than held where another holder keeps the same
    objects. ``count_*`` are its entries; of what is no container, the objects below that became more. ``objects`` is how many
    there are of the holder itself in the newest snapshot, ``object_index`` one of them there (NO_OBJECT: there is none),
    ``address`` its address (0: there is none).

    ``path`` is empty for GARBAGE and ELSEWHERE. Texts come from the target.
    """

    holder: str
    path: tuple[Step, ...]
    type_name: str
    series: tuple[int, ...]
    retained_before: int
    retained_after: int
    count_before: int
    count_after: int
    objects: int
    rising: int
    steps: int
    per_minute: float | None
    object_index: int
    address: int = 0

    @property
    def held_before(self) -> int:
        """Bytes in the oldest snapshot."""
        return self.series[0]

    @property
    def held_after(self) -> int:
        """Bytes in the newest snapshot."""
        return self.series[-1]

    @property
    def delta(self) -> int:
        """Bytes more."""
        return self.series[-1] - self.series[0]

    @property
    def count_delta(self) -> int:
        """Entries more."""
        return self.count_after - self.count_before


def measure_holder_growth(
    snapshots: Sequence[Snapshot | DominatorTree | HolderTree], oversight: Oversight = UNWATCHED
) -> tuple[HolderGrowth, ...]:
    """Compare two or more snapshots, oldest first; what grew most steadily comes first, ELSEWHERE last.

    Of each snapshot only its holders are kept. O(n + m) for what has none yet, and little for the rest. Raises Cancelled.
    """
    if len(snapshots) < 2:
        raise ValueError("growth needs two snapshots")
    share = 1 / len(snapshots)
    trees = [
        _holders_of(one, oversight.part(place * share, (place + 1) * share)) for place, one in enumerate(snapshots)
    ]
    return _Comparison(trees).rows()


def _holders_of(source: Snapshot | DominatorTree | HolderTree, oversight: Oversight) -> HolderTree:
    if isinstance(source, HolderTree):
        return source
    if isinstance(source, DominatorTree):
        return find_holder_tree(source.snapshot, source, oversight)
    return find_holder_tree(source, oversight=oversight)


@dataclasses.dataclass(frozen=True, slots=True)
class _Match:
    """The same holder in each snapshot: there one holder, none, or several whose names say nothing."""

    path: tuple[Step, ...]
    nodes: tuple[tuple[int, ...], ...]
    held: tuple[int, ...]
    count: tuple[int, ...]

    @property
    def delta(self) -> int:
        return self.held[-1] - self.held[0]

    @property
    def step(self) -> Step:
        return self.path[-1]


_Key = tuple[str, str, str]
_Nodes = list[list[int]]


class _Comparison:
    def __init__(self, trees: Sequence[HolderTree]) -> None:
        self._trees = trees
        self._times = [tree.meta.captured_at for tree in trees]
        self._rows: list[HolderGrowth] = []
        self._smallest = float(MIN_GROWTH)

    def rows(self) -> tuple[HolderGrowth, ...]:
        top = self._match((), [[-1]] * len(self._trees))
        firsts = self._children(top)
        self._smallest = max(self._smallest, MIN_SHARE * sum(abs(each.delta) for each in firsts))
        told = _sum(len(self._trees), map(self._explain, firsts))
        garbage = [tree.garbage_bytes for tree in self._trees], [tree.garbage_count for tree in self._trees]
        ranked = [row for row in [*self._rows, self._nameless(GARBAGE, *garbage)] if row.delta]
        ranked.sort(key=lambda row: (-growth_score(row.series, self._times, row.rising), -row.delta, row.holder))
        rest = self._nameless(ELSEWHERE, _less(top.held, told), [0] * len(told))
        return (*ranked, rest) if rest.delta else tuple(ranked)

    def _explain(self, match: _Match) -> list[int]:
        """Tell the growth of a holder, and give how much of its series was told."""
        told = [0] * len(self._trees)
        if len(match.path) < MAX_DEPTH:
            for part in self._children(match):
                # One that stayed as large as it was may hold something that grew, and something that shrank.
                if max(part.held) >= self._smallest and self._is_followed(part, match):
                    told = _sum(len(told), [told, self._explain(part)])
        rest = _less(match.held, told)
        if abs(rest[-1] - rest[0]) < self._smallest:
            return told
        self._rows.append(self._row(match, rest))
        return list(match.held)

    def _is_followed(self, part: _Match, whole: _Match) -> bool:
        """Items that hold nothing say no more than what they are in."""
        if _became_more(part, whole):
            return False
        return is_named(part.step.name) or any(
            tree.children(node) for tree, nodes in zip(self._trees, part.nodes, strict=True) for node in nodes
        )

    def _children(self, match: _Match) -> list[_Match]:
        found: dict[_Key, _Nodes] = {}
        for at, (tree, nodes) in enumerate(zip(self._trees, match.nodes, strict=True)):
            for child in (child for node in nodes for child in tree.children(node)):
                step = tree.step[child]
                key = (step.name, step.type_name, step.root_kind)
                found.setdefault(key, [[] for _ in self._trees])[at].append(child)
        kept = self._without_data(found)
        return [self._match((*match.path, Step(*key)), nodes) for key, nodes in kept.items()]

    def _without_data(self, found: dict[_Key, _Nodes]) -> dict[_Key, _Nodes]:
        """Names that come while others go are data: ``REQUESTS['r17']``, and what a program calls by numbers."""
        for start, instead, fewest in ((".", ANY_ATTRIBUTE, FEW_ATTRIBUTES), ("['", ANY_KEY, 1)):
            named = {key: nodes for key, nodes in found.items() if key[0].startswith(start) and not key[2]}
            came = {key: nodes for key, nodes in named.items() if not nodes[0]}
            went = {key: nodes for key, nodes in named.items() if not nodes[-1]}
            came_bytes = sum(self._held(-1, nodes[-1]) for nodes in came.values())
            went_bytes = sum(self._held(0, nodes[0]) for nodes in went.values())
            is_table = instead == ANY_KEY and any(key[0] == ANY_KEY for key in found)
            is_data = min(len(came), len(went)) >= fewest and went_bytes >= COMING_AND_GOING * came_bytes
            for key in named if is_table else {**came, **went} if is_data else ():
                into = found.setdefault((instead, key[1], ""), [[] for _ in self._trees])
                for target, nodes in zip(into, found.pop(key), strict=True):
                    target.extend(nodes)
        return found

    def _match(self, path: tuple[Step, ...], nodes: _Nodes) -> _Match:
        held = tuple(self._held(at, each) for at, each in enumerate(nodes))
        count = tuple(
            sum(int(tree.count[node]) if node >= 0 else 1 for node in each)
            for tree, each in zip(self._trees, nodes, strict=True)
        )
        return _Match(path, tuple(map(tuple, nodes)), held, count)

    def _held(self, at: int, nodes: Iterable[int]) -> int:
        tree = self._trees[at]
        return sum(int(tree.held[node]) if node >= 0 else tree.living_bytes for node in nodes)

    def _retained(self, at: int, nodes: Iterable[int]) -> int:
        tree = self._trees[at]
        return sum(int(tree.retained[node]) for node in nodes)

    def _row(self, match: _Match, series: Sequence[int]) -> HolderGrowth:
        entries = self._entries(match)
        newest = match.nodes[-1]
        rising = count_rising(series, entries)
        return HolderGrowth(
            holder=holder_text(match.path),
            path=match.path,
            type_name=match.step.type_name,
            series=tuple(series),
            retained_before=self._retained(0, match.nodes[0]),
            retained_after=self._retained(-1, newest),
            count_before=entries[0],
            count_after=entries[-1],
            objects=match.count[-1],
            rising=rising,
            steps=len(series) - 1,
            per_minute=per_minute(series, self._times),
            object_index=int(self._trees[-1].example[newest[0]]) if newest else NO_OBJECT,
            address=int(self._trees[-1].address[newest[0]]) if newest else 0,
        )

    def _entries(self, match: _Match) -> list[int]:
        """Count what a holder holds: the items of containers; else what became more below it; else its own objects."""
        entries = [
            sum(int(tree.entries[node]) for node in nodes) for tree, nodes in zip(self._trees, match.nodes, strict=True)
        ]
        if any(entries):
            return entries
        parts = [part for part in self._children(match) if _became_more(part, match)]
        largest = max(parts, key=lambda part: abs(part.delta), default=match)
        return list(largest.count)

    def _nameless(self, holder: str, series: Sequence[int], counts: Sequence[int]) -> HolderGrowth:
        return HolderGrowth(
            holder=holder,
            path=(),
            type_name="",
            series=tuple(series),
            retained_before=0,
            retained_after=0,
            count_before=counts[0],
            count_after=counts[-1],
            objects=counts[-1],
            rising=count_rising(series),
            steps=len(series) - 1,
            per_minute=per_minute(series, self._times),
            object_index=NO_OBJECT,
        )


def _became_more(part: _Match, whole: _Match) -> bool:
    """Tell whether a part changed because there are more objects of it, or fewer, beyond one per object of the whole."""
    before, after, of = (part.count[0], part.count[-1], whole.count[-1])
    held = part.held[-1]
    if part.delta < 0:
        before, after, of, held = after, before, whole.count[0], part.held[0]
    one_each = min(after, of) if is_named(part.step.name) else 0
    more = after - max(before, one_each)
    return more > 0 and more * held / after >= POPULATION_SHARE * abs(part.delta)


def holder_text(path: Sequence[Step]) -> str:
    """Write the way to a holder: ``app.sessions.REGISTRY.sessions``, ``frame serve app.py > buffer``. Foreign text."""
    first, *rest = path
    text = first.name if first.root_kind == "module" else " ".join(filter(None, (first.root_kind, first.name)))
    if not first.name:
        text = f"{text} {short_type_name(first.type_name)}"
    for step in rest:
        if step.name.startswith((".", "[")):
            text += step.name
        else:
            text += f" > {step.name or short_type_name(step.type_name)}"
    return text


def _sum(length: int, parts: Iterable[Sequence[int]]) -> list[int]:
    total = [0] * length
    for part in parts:
        total = [left + right for left, right in zip(total, part, strict=True)]
    return total


def _less(whole: Sequence[int], part: Sequence[int]) -> list[int]:
    return [left - right for left, right in zip(whole, part, strict=True)]
