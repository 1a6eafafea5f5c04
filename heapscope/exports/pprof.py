"""Heap profiles: merged paths as a gzipped pprof profile, as folded stacks, and as a graph for dot.

Never rounds: the values of all stacks add up to the heap that was given. No I/O: ``write`` takes the bytes, in order.

A profile has two values per stack, ``inuse_objects`` (count) and ``inuse_space`` (bytes), as Go's heap profiles do. A "function"
is a frame of holder_paths.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from heapscope.exports.holder_paths import HolderPaths
from heapscope.exports.protobuf import chunk, number, packed
from heapscope.graph.library import NONE
from heapscope.units import format_bytes, format_count

Write = Callable[[bytes], object]

_AT_ONCE = 4096
_GZIP = 16 + zlib.MAX_WBITS


class _Texts:
    """The table of strings: number 0 is the empty one."""

    def __init__(self) -> None:
        self.numbers = {"": 0}

    def number(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def write_pprof(paths: HolderPaths, write: Write, *, captured_at: float = 0.0, comment: str = "") -> None:
    """Write a profile, compressed. O(paths); frames are shared between stacks."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    for part in _profile(paths, captured_at, comment):
        write(compressor.compress(part))
    write(compressor.flush())


def _profile(paths: HolderPaths, captured_at: float, comment: str) -> Iterator[bytes]:
    texts = _Texts()
    kinds = (("inuse_objects", "count"), ("inuse_space", "bytes"))
    types = [number(1, texts.number(kind)) + number(2, texts.number(unit)) for kind, unit in kinds]
    yield b"".join(chunk(1, kind) for kind in types)
    # A location and a function per label, with the number of the label plus one: 0 is no id.
    pending = []
    for path in range(paths.parent.size):
        values = (int(paths.counts[path]), int(paths.sizes[path]))
        if any(values):
            pending.append(chunk(2, packed(1, _stack(paths, path)) + packed(2, values)))
        if len(pending) == _AT_ONCE:
            yield b"".join(pending)
            pending.clear()
    yield b"".join(pending)
    used = sorted(set(paths.label.tolist()))
    for label in used:
        line = number(1, label + 1)
        yield chunk(4, number(1, label + 1) + chunk(4, line))
    for label in used:
        name = texts.number(paths.labels[label])
        yield chunk(5, number(1, label + 1) + number(2, name) + number(3, name))
    said = texts.number(comment)
    yield number(9, int(captured_at * 1e9)) + chunk(11, types[1]) + number(12, 1)
    if said:
        yield packed(13, [said])
    yield number(14, texts.number("inuse_space"))
    yield b"".join(chunk(6, text.encode("utf-8", "backslashreplace")) for text in texts.numbers)


def _stack(paths: HolderPaths, path: int) -> Iterator[int]:
    """Ids of the locations of a path, the innermost first."""
    while path != NONE:
        yield int(paths.label[path]) + 1
        path = int(paths.parent[path])


def write_folded(paths: HolderPaths, write: Write, *, of_objects: bool = False) -> None:
    """Write one line per stack, ``frame;frame;frame bytes``, as flame graph tools read them; or objects instead of bytes."""
    values = paths.counts if of_objects else paths.sizes
    for path in range(paths.parent.size):
        if values[path]:
            frames = ";".join(frame.replace(";", ":") for frame in paths.frames(path))
            write(f"{frames} {int(values[path])}\n".encode("utf-8", "backslashreplace"))


def write_dot(paths: HolderPaths, write: Write, *, max_nodes: int = 60) -> None:
    """Write the paths that hold most as a graph in Graphviz's language: a node per path, an edge per step."""
    counts, sizes = paths.totals()
    order = sorted(range(paths.parent.size), key=lambda path: (-int(sizes[path]), path))
    # What holds a path holds at least as much, and has the lower number: parents are among the chosen.
    chosen = sorted(order[:max_nodes])
    whole = max(1, int(paths.sizes.sum()))
    write(b"digraph heap {\n  rankdir=LR;\n  node [shape=box, fontname=monospace, fontsize=10];\n")
    for path in chosen:
        size = int(sizes[path])
        figures = f"{format_bytes(size)} ({size / whole:.1%}), {format_count(int(counts[path]))} objects"
        label = f"{_quoted(paths.labels[int(paths.label[path])])}\\n{figures}"
        write(
            f'  n{path} [label="{label}", penwidth={0.5 + 5 * size / whole:.2f}];\n'.encode("utf-8", "backslashreplace")
        )
    for path in chosen:
        if paths.parent[path] != NONE:
            write(f"  n{int(paths.parent[path])} -> n{path};\n".encode())
    write(b"}\n")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
