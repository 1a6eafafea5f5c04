"""Ways from roots to objects as one graph: what they share is drawn once.

Never searches ways and never leaves one out unsaid: the graph's note counts them. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from heapscope.pictures.graph import MAX_EDGES, MAX_NODES, Edge, Graph, Look, Node
from heapscope.units import format_bytes, format_count, short_type_name

MAX_STEPS = 60  # of one way; what is in the middle of a longer one is left out


@dataclasses.dataclass(frozen=True, slots=True)
class WayStep:
    """One object on a way. ``name`` is that of the reference which leads to it, "" where not known. Texts are foreign.

    ``address`` tells it from others; where the step is not ``is_shared`` by all objects asked about, it is one of several.
    """

    type_name: str
    address: int
    name: str = ""
    is_shared: bool = True
    size_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """A way that ``count`` objects have: what root it starts at, its steps, the first of which is that root.

    Only the first ``common`` steps are known of all of them; where that is all, the way is exact.
    """

    root: str
    steps: tuple[WayStep, ...]
    count: int = 1
    share: float = 1.0
    common: int | None = None


class _Drawing:
    """Collects boxes and arrows, each once."""

    def __init__(self) -> None:
        self.nodes: dict[object, Node] = {}
        self.edges: dict[tuple[str, str, str], Edge] = {}

    def box(self, identity: object, lines: Sequence[str], look: Look = Look.OBJECT) -> str:
        """Return the key of a box, which is made if need be."""
        if identity not in self.nodes:
            self.nodes[identity] = Node(f"n{len(self.nodes)}", tuple(line for line in lines if line), look)
        return self.nodes[identity].key

    def arrow(self, source: str, target: str, label: str = "", *, is_dashed: bool = False) -> None:
        """Draw an arrow, unless the same is there."""
        self.edges.setdefault((source, target, label), Edge(source, target, label, is_dashed))

    def has_room(self, way: Way) -> bool:
        """Whether a way can be drawn whole."""
        longest = min(len(way.steps), MAX_STEPS) + 2
        return len(self.nodes) + longest <= MAX_NODES and len(self.edges) + longest <= MAX_EDGES


def graph_of_ways(title: str, ways: Sequence[Way], asked: str) -> Graph:
    """Draw ways, the first ones first as long as there is room. ``asked`` names what they lead to."""
    drawing = _Drawing()
    drawn = 0
    for way in ways:
        if not way.steps or not drawing.has_room(way):
            break
        _draw(drawing, way, asked, is_single=way.count == 1 and len(ways) >= 1 and way.share == 1)
        drawn += 1
    note = "" if drawn == len(ways) else f"{drawn} of {len(ways)} ways"
    return Graph(title, tuple(drawing.nodes.values()), tuple(drawing.edges.values()), note)


def _draw(drawing: _Drawing, way: Way, asked: str, *, is_single: bool) -> None:
    steps, left_out = _bounded(way.steps[: way.common])
    is_exact = way.common is None or way.common >= len(way.steps)
    first = steps[0]
    place: tuple[object, ...] = ("root", way.root, first.address)
    kind = short_type_name(first.type_name)
    ends_at_root = is_exact and len(steps) == 1
    size = format_bytes(first.size_bytes) if first.size_bytes else ""
    key = drawing.box(place, [way.root, f"{kind} {first.address:#x}", size], Look.ROOT)
    inner = steps[1:-1] if is_exact else steps[1:]
    for at, step in enumerate(inner, 1):
        if at == left_out:
            place = (*place, "left out")
            gap = drawing.box(place, [f"{len(way.steps) - len(steps)} more steps"], Look.MORE)
            drawing.arrow(key, gap, is_dashed=True)
            key = gap
        # What is shared is one object wherever a way meets it; the others are told apart by what leads to them.
        place = ("object", step.address) if step.is_shared else (*place[-12:], step.name, step.type_name)
        lines = _step_lines(step)
        before, key = key, drawing.box(place, lines)
        drawing.arrow(before, key, step.name)
    if ends_at_root:
        return
    last = way.steps[-1]
    lines = [asked] if not is_single else [asked, f"{last.address:#x}"]
    end = drawing.box("asked", lines, Look.ASKED)
    share = "" if is_single else f"{format_count(way.count)} objects, {way.share:.1%}"
    label = "  ".join(part for part in (last.name if is_exact else "", share) if part)
    drawing.arrow(key, end, label, is_dashed=not is_exact)


def _step_lines(step: WayStep) -> list[str]:
    kind = short_type_name(step.type_name)
    if not step.is_shared:
        return [kind, "one of several"]
    size = f", {format_bytes(step.size_bytes)}" if step.size_bytes else ""
    return [kind, f"{step.address:#x}{size}"]


def _bounded(steps: tuple[WayStep, ...]) -> tuple[tuple[WayStep, ...], int]:
    """Keep both ends of a long way; say before which step something is missing, -1 for nothing."""
    if len(steps) <= MAX_STEPS:
        return steps, -1
    half = MAX_STEPS // 2
    return (*steps[:half], *steps[-half:]), half
