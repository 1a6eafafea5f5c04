"""Where boxes go: layers from top to bottom, few crossings, boxes above what they lead to. No Graphviz needed.

Deterministic. O(sweeps x (boxes + arrows) x log) time; whoever calls bounds both (graph.MAX_NODES). Pure.

The usual four steps (Sugiyama): arrows that close a cycle are turned round; each box goes one layer below the last that
leads to it; long arrows get a bend in every layer that they cross; the layers are sorted by the middle of their neighbours.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

SWEEPS = 8
GAP = 28.0
BEND_WIDTH = 10.0


@dataclasses.dataclass(slots=True)
class Place:
    """A box or a bend: its layer, its middle from the left, its width; what it hangs on above and below."""

    layer: int = 0
    x: float = 0.0
    width: float = BEND_WIDTH
    above: list[int] = dataclasses.field(default_factory=list)
    below: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """``places`` of the boxes by key; ``bends`` of each arrow, from its start to its end, as (layer, x). ``width`` of all."""

    places: Mapping[str, Place]
    bends: tuple[tuple[tuple[int, float], ...], ...]
    layer_count: int
    width: float


def place_boxes(widths: Mapping[str, float], arrows: Sequence[tuple[str, str]]) -> Layout:
    """Place boxes of the widths given, and bend the arrows between them; arrows from a box to itself are left out."""
    keys = list(widths)
    number = {key: at for at, key in enumerate(keys)}
    pairs = [(number[source], number[target]) for source, target in arrows]
    places = [Place(width=widths[key]) for key in keys]
    down = _without_cycles(len(keys), pairs)
    _assign_layers(places, down)
    chains = _bend(places, down)
    layers = _order(places)
    _spread(places, layers)
    width = max((place.x + place.width / 2 for place in places), default=0.0)
    bends = []
    for (source, target), (start, _), chain in zip(pairs, down, chains, strict=True):
        points = [(places[one].layer, places[one].x) for one in chain]
        bends.append(tuple(points if source in (start, target) else reversed(points)))
    return Layout({key: places[at] for at, key in enumerate(keys)}, tuple(bends), len(layers), width)


def _without_cycles(count: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Turn round what leads back to a box that is still open in a walk, depth first."""
    follows: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for at, (source, target) in enumerate(pairs):
        follows[source].append(at)
        entered[target] |= source != target
    state = [0] * count  # 1 open, 2 done
    turned = set()
    # Boxes that nothing leads to first: what is reached from them keeps its direction.
    for start in sorted(range(count), key=lambda one: entered[one]):
        stack = [(start, iter(follows[start]))] if not state[start] else []
        state[start] = state[start] or 1
        while stack:
            box, rest = stack[-1]
            for at in rest:
                target = pairs[at][1]
                if state[target] == 1 and target != box:
                    turned.add(at)
                elif not state[target]:
                    state[target] = 1
                    stack.append((target, iter(follows[target])))
                    break
            else:
                state[box] = 2
                stack.pop()
    return [(target, source) if at in turned else (source, target) for at, (source, target) in enumerate(pairs)]


def _assign_layers(places: list[Place], down: Sequence[tuple[int, int]]) -> None:
    waiting = [0] * len(places)
    follows: list[list[int]] = [[] for _ in places]
    for source, target in down:
        if source != target:
            waiting[target] += 1
            follows[source].append(target)
    ready = [at for at, count in enumerate(waiting) if not count]
    for at in ready:  # grows while it is read
        for target in follows[at]:
            places[target].layer = max(places[target].layer, places[at].layer + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)


def _bend(places: list[Place], down: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Give every arrow a bend in each layer between; return the chain of places of each."""
    chains = []
    for source, target in down:
        chain = [source]
        for layer in range(places[source].layer + 1, places[target].layer):
            places.append(Place(layer=layer))
            chain.append(len(places) - 1)
        chain.append(target)
        for upper, lower in itertools.pairwise(chain):
            if upper != lower:
                places[upper].below.append(lower)
                places[lower].above.append(upper)
        chains.append(chain)
    return chains


def _order(places: list[Place]) -> list[list[int]]:
    """Sort each layer by the middle of what stands above, then of what stands below, to and fro."""
    layers: list[list[int]] = [[] for _ in range(1 + max((place.layer for place in places), default=0))]
    for at, place in enumerate(places):
        layers[place.layer].append(at)
    rank = {at: float(position) for layer in layers for position, at in enumerate(layer)}
    for sweep in range(SWEEPS):
        is_down = sweep % 2 == 0
        for layer in layers if is_down else reversed(layers):
            middle = {}
            for at in layer:
                near = places[at].above if is_down else places[at].below
                middle[at] = sum(rank[one] for one in near) / len(near) if near else rank[at]
            layer.sort(key=lambda at: (middle[at], rank[at]))
            rank.update({at: float(position) for position, at in enumerate(layer)})
    return layers


def _spread(places: list[Place], layers: list[list[int]]) -> None:
    """Put each box near the middle of its neighbours, none over another, all right of zero."""
    for layer in layers:
        _set_apart(places, layer, [0.0] * len(layer))
    for sweep in range(SWEEPS):
        is_down = sweep % 2 == 0
        for layer in layers if is_down else reversed(layers):
            wanted = []
            for at in layer:
                near = places[at].above if is_down else places[at].below
                wanted.append(sum(places[one].x for one in near) / len(near) if near else places[at].x)
            _set_apart(places, layer, wanted)
    left = min((place.x - place.width / 2 for place in places), default=0.0)
    for place in places:
        place.x -= left


def _set_apart(places: list[Place], layer: list[int], wanted: list[float]) -> None:
    """Move boxes as little as it takes: neighbours that would overlap become a group around their common middle."""
    groups: list[tuple[float, float, list[int]]] = []  # sum of (wanted - offset), width so far, members
    for at, want in zip(layer, wanted, strict=True):
        width = places[at].width + GAP
        groups.append((want - width / 2, width, [at]))
        while len(groups) > 1:
            (total, before, members), (more, width, others) = groups[-2], groups[-1]
            if total / len(members) + before <= more / len(others):
                break
            groups[-2:] = [(total + more - before * len(others), before + width, members + others)]
    for total, _, members in groups:
        left = total / len(members)
        for at in members:
            width = places[at].width + GAP
            places[at].x = left + width / 2
            left += width
