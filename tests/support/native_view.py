"""A snapshot by address, so that two snapshots of one frozen state can be laid side by side.

Never judges: native_differences.py does. Executing frames are named by thread and depth, because from 3.11 on one walker has a
row for the interpreter's frame and the other a frame object that it made.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable

from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.wire.protocol import RootKind

COLUMNS = ("shallow", "allocated", "refcount", "length", "fingerprint", "flags")


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """A root by address."""

    kind: int
    address: int
    label: str


@dataclasses.dataclass(slots=True)
class View:
    """Rows, types and references by address. ``edges`` are multisets; ``frames`` are (thread's label, depth) by address."""

    snapshot: Snapshot
    index: dict[int, int]
    edges: dict[int, Counter[int]]
    types: dict[int, TypeInfo]
    frames: dict[int, tuple[str, int]]

    def type_of(self, address: int) -> TypeInfo:
        """Return the type of an object."""
        return self.snapshot.types[int(self.snapshot.type_index[self.index[address]])]

    def type_name(self, address: int) -> str:
        """Return the name of the type of an object."""
        return self.type_of(address).name

    def column(self, name: str, address: int) -> int:
        """Return one figure of an object."""
        return int(getattr(self.snapshot, name)[self.index[address]])

    def roots(self) -> list[Root]:
        """Return all roots."""
        return [Root(root.kind, root.address, root.label) for root in self.snapshot.roots]

    def roots_labelled(self, *labels: str) -> set[int]:
        """Return the addresses of the interpreter's roots of these labels."""
        return {root.address for root in self.roots() if root.kind == RootKind.INTERPRETER and root.label in labels}

    def closure(self, starts: Iterable[int]) -> set[int]:
        """Return everything that is reached from some addresses, these included, and the types of all."""
        found = set(starts)
        pending = list(found)
        while pending:
            source = pending.pop()
            types = [self.type_of(source).address] if source in self.index else []
            for target in (*self.edges.get(source, ()), *types):
                if target not in found:
                    found.add(target)
                    pending.append(target)
        return found


def view_of(snapshot: Snapshot) -> View:
    """Index a snapshot by address."""
    addresses = snapshot.address.tolist()
    index = {address: number for number, address in enumerate(addresses)}
    assert len(index) == len(addresses), "an object came twice"
    offsets = snapshot.reference_offsets.tolist()
    targets = snapshot.address[snapshot.reference_targets].tolist()
    edges = {
        address: Counter(targets[offsets[number] : offsets[number + 1]])
        for address, number in index.items()
        if offsets[number] != offsets[number + 1]
    }
    types = {kind.address: kind for kind in snapshot.types}
    return View(snapshot, index, edges, types, frames_of(snapshot))


def frames_of(snapshot: Snapshot) -> dict[int, tuple[str, int]]:
    """Name the frames of each thread by their place: a thread's frames follow it among the roots."""
    found: dict[int, tuple[str, int]] = {}
    depths: defaultdict[str, int] = defaultdict(int)
    thread = ""
    for root in snapshot.roots:
        if root.kind == RootKind.THREAD:
            thread = root.label
        elif root.kind == RootKind.FRAME:
            found[root.address] = (thread, depths[thread])
            depths[thread] += 1
    return found
