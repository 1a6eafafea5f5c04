"""The ``.heapsnapshot`` of V8: the object graph for the memory panel of Chrome's developer tools.

Never changes who retains what: nodes, edges and sizes are those that our own retained sizes come from, so that the panel's
equal them for every node. No I/O: ``write`` takes the bytes, in order.

Garbage is left out, as it is from Chrome's own files. References of a module's globals lead to the module (analysis/roots.py says
why). The frames of a thread hang below a node of the thread. The format keeps numbers of 32 bits: an object that is larger than
that has its rest in nodes below it; ids are object indexes, not addresses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from heapscope.analysis.roots import Roots
from heapscope.exports.edge_labels import EdgeLabels
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.snapshot.model import Snapshot, U32Array, U64Array
from heapscope.units import clean_text, short_type_name

Write = Callable[[bytes], object]
Numbers = npt.NDArray[np.int64]

NODE_FIELDS = ("type", "name", "id", "self_size", "edge_count", "trace_node_id", "detachedness")
EDGE_FIELDS = ("type", "name_or_index", "to_node")
NODE_TYPES = (
    "hidden", "array", "string", "object", "code", "closure", "regexp", "number", "native", "synthetic",
    "concatenated string", "sliced string", "symbol", "bigint", "object shape",
)  # fmt: skip
EDGE_TYPES = ("context", "element", "property", "internal", "hidden", "shortcut", "weak")
OBJECT, SYNTHETIC = NODE_TYPES.index("object"), NODE_TYPES.index("synthetic")
ELEMENT, PROPERTY, INTERNAL = (EDGE_TYPES.index(name) for name in ("element", "property", "internal"))

MAX_SIZE = (1 << 32) - 8
_AT_ONCE = 1 << 16
_MAX_LABEL = 200
_FIXED = ("(roots)", "(rest)", "root", "frame", "rest")


def write_heapsnapshot(snapshot: Snapshot, roots: Roots, write: Write, *, oversight: Oversight = UNWATCHED) -> None:
    """Write the file. O(objects + references) time; 40 bytes per object, and 100 per reference of the largest one. Raises Cancelled."""
    _File(snapshot, roots, oversight).write(write)


class _File:
    """Nodes: the virtual root, the objects that live, the threads, the rests of huge objects. Edges: in the order of nodes."""

    def __init__(self, snapshot: Snapshot, roots: Roots, oversight: Oversight) -> None:
        self._snapshot, self._roots, self._oversight = snapshot, roots, oversight
        self._living = np.flatnonzero(roots.reached).astype(np.uint32)
        self._node_of = np.zeros(snapshot.object_count, dtype=np.uint32)
        self._node_of[self._living] = np.arange(1, self._living.size + 1, dtype=np.uint32)
        self._held = np.diff(roots.references.offsets)
        graph = roots.graph()
        self._tops, self._threads = graph.tops, graph.groups
        self._first_thread = 1 + int(self._living.size)
        self._first_rest = self._first_thread + len(self._threads)
        huge = self._living[snapshot.shallow[self._living] > MAX_SIZE]
        self._rests = {int(at): _rest_sizes(int(snapshot.shallow[at])) for at in huge.tolist()}
        self._edges = EdgeLabels(snapshot)
        types = [clean_text(short_type_name(info.name), _MAX_LABEL) for info in snapshot.types]
        threads = [clean_text(thread.label or "thread", _MAX_LABEL) for thread in roots.threads]
        self._texts = [*_FIXED, *types, *threads, *self._edges.texts]
        self._first_type = len(_FIXED)
        self._first_thread_name = self._first_type + len(types)
        self._first_name = self._first_thread_name + len(threads)

    def write(self, write: Write) -> None:
        rest_count = sum(map(len, self._rests.values()))
        node_count = self._first_rest + rest_count
        held = int(self._held[self._living].sum()) + rest_count
        edge_count = self._tops.size + len(self._threads) + held + sum(group.size for group in self._threads)
        meta = {
            "node_fields": NODE_FIELDS,
            "node_types": [NODE_TYPES, "string", "number", "number", "number", "number", "number"],
            "edge_fields": EDGE_FIELDS,
            "edge_types": [EDGE_TYPES, "string_or_number", "node"],
            "trace_function_info_fields": [], "trace_node_fields": [], "sample_fields": [], "location_fields": [],
        }  # fmt: skip
        head = {"meta": meta, "node_count": node_count, "edge_count": int(edge_count), "trace_function_count": 0}
        write(b'{"snapshot":' + json.dumps(head).encode() + b',\n"nodes":[')
        _write_numbers(self._nodes(), write)
        write(b'],\n"edges":[')
        _write_numbers(self._all_edges(), write)
        write(b'],\n"trace_function_infos":[],"trace_tree":[],"samples":[],"locations":[],\n"strings":[')
        for start in range(0, len(self._texts), 1024):
            texts = ",\n".join(map(json.dumps, self._texts[start : start + 1024]))
            write((b",\n" if start else b"") + texts.encode())
        write(b"]}\n")

    def _nodes(self) -> Iterator[Numbers]:
        yield _node_rows(SYNTHETIC, 0, 1, 0, self._tops.size + len(self._threads))
        for part in self._parts(0.0):
            sizes = np.minimum(self._snapshot.shallow[part], np.uint64(MAX_SIZE))
            held = self._held[part].astype(np.int64)
            for at, rest in self._rests_in(part):
                held[at] += len(rest)
            names = self._snapshot.type_index[part].astype(np.int64) + self._first_type
            yield _node_rows(OBJECT, names, 2 * part.astype(np.int64) + 3, sizes, held)
        number = 2 * self._snapshot.object_count + 3
        for at, group in enumerate(self._threads):
            yield _node_rows(SYNTHETIC, self._first_thread_name + at, number + 2 * at, 0, group.size)
        number += 2 * len(self._threads)
        for at, size in enumerate(size for rest in self._rests.values() for size in rest):
            yield _node_rows(SYNTHETIC, _FIXED.index("(rest)"), number + 2 * at, size, 0)

    def _all_edges(self) -> Iterator[Numbers]:
        root, frame = _FIXED.index("root"), _FIXED.index("frame")
        yield _edge_rows(INTERNAL, root, self._node_of[self._tops])
        yield _edge_rows(INTERNAL, root, np.arange(self._first_thread, self._first_rest, dtype=np.uint32))
        rest = self._first_rest
        for part in self._parts(0.4):
            huge = self._rests_in(part)
            start = 0
            for at, sizes in huge:  # a rest's edges stand behind those of its object
                yield self._edges_of(part[start : at + 1])
                nodes = np.arange(rest, rest + len(sizes), dtype=np.uint32)
                yield _edge_rows(INTERNAL, _FIXED.index("rest"), nodes)
                rest, start = rest + len(sizes), at + 1
            yield self._edges_of(part[start:])
        for group in self._threads:
            yield _edge_rows(INTERNAL, frame, self._node_of[group])

    def _edges_of(self, holders: U32Array) -> Numbers:
        targets = self._roots.references.of_all(holders)
        names, positions = self._edges.of(holders)
        kinds = np.where(names >= 0, PROPERTY, ELEMENT)
        labels = np.where(names >= 0, names + self._first_name, positions)
        return _edge_rows(kinds, labels, self._node_of[targets])

    def _parts(self, done: float) -> Iterator[U32Array]:
        """The living objects, so many at once that their references are not too many."""
        before = np.cumsum(self._held[self._living] + np.uint64(1))
        start = 0
        while start < self._living.size:
            self._oversight.check()
            self._oversight.report(done + 0.5 * start / self._living.size)
            reached = (before[start - 1] if start else 0) + np.uint64(_AT_ONCE)
            end = max(start + 1, int(np.searchsorted(before, reached, side="right")))
            yield self._living[start:end]
            start = end

    def _rests_in(self, part: U32Array) -> list[tuple[int, list[int]]]:
        if not self._rests:
            return []
        return [(at, self._rests[index]) for at, index in enumerate(part.tolist()) if index in self._rests]


def _rest_sizes(size: int) -> list[int]:
    size -= MAX_SIZE
    return [MAX_SIZE] * (size // MAX_SIZE) + ([size % MAX_SIZE] if size % MAX_SIZE else [])


def _node_rows(
    kind: int, name: int | Numbers, number: int | Numbers, size: int | U64Array, held: int | Numbers
) -> Numbers:
    columns = np.broadcast_arrays(kind, name, number, size, held, 0, 0)
    return np.stack([np.atleast_1d(column).astype(np.int64) for column in columns], axis=1).reshape(-1)


def _edge_rows(kinds: int | Numbers, labels: int | Numbers, nodes: U32Array) -> Numbers:
    columns = np.broadcast_arrays(kinds, labels, nodes.astype(np.int64) * len(NODE_FIELDS))
    return np.stack([column.astype(np.int64) for column in columns], axis=1).reshape(-1)


def _write_numbers(parts: Iterator[Numbers], write: Write) -> None:
    separator = b""
    for part in parts:  # one holder may have millions of references: its numbers become text bit by bit
        for start in range(0, part.size, 8 * _AT_ONCE):
            write(separator + ",".join(map(str, part[start : start + 8 * _AT_ONCE].tolist())).encode())
            separator = b",\n"
