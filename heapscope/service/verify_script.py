"""Measures a class and its slotted twin; runs in a throw-away interpreter with -I -S, apart from heapscope and from the target.

Never imports or runs anything of the target: it is told names, bases and how often each combination of attributes occurs, and
builds classes of its own. Keeps to the syntax of Python 3.8 and the standard library. Request and answer are JSON on stdin and
stdout:

    {"classes": [[name, bases, slots or null, slots of the twin], ...], "shapes": [[names, state, items, count], ...],
     "settled": whether the class had other instances before}
    bases are numbers of classes before, or names of built-in types; the last class is the one to measure
"""

from __future__ import annotations

import gc
import json
import keyword
import sys
import time
import tracemalloc
from collections import OrderedDict, defaultdict, deque
from typing import Any

SETTLED = 64  # instances, after which the keys that a class's instances share have their final capacity
CACHED = 1100  # calls, from which on 3.8 to 3.10 keep a cache per function
SMALL = 512
ROUNDS = 25
TIMED = 2000
KINDS = (("plain", False), ("twin", True))
NATIVE: dict[str, Any] = {
    f"builtins.{kind.__name__}": kind
    for kind in (object, int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
}
NATIVE.update(
    {f"builtins.{name}": kind for name, kind in vars(sys.modules["builtins"]).items() if isinstance(kind, type)}
)
NATIVE.update(
    {
        "collections.OrderedDict": OrderedDict,
        "collections.defaultdict": defaultdict,
        "collections.deque": deque,
    }
)


def build(classes: list[list[Any]], init: Any = None, *, slotted: bool) -> Any:  # noqa: ANN401 - a class made here
    """Build a line of classes and return the last, whose ``__init__`` is given."""
    made: list[Any] = []
    for name, bases, slots, twin_slots in classes:
        space: dict[str, Any] = {}
        wanted = twin_slots if slotted else slots
        if wanted is not None:
            space["__slots__"] = tuple(wanted)
        if init is not None and len(made) + 1 == len(classes):
            space["__init__"] = init
        found = tuple(made[base] if isinstance(base, int) else NATIVE[base] for base in bases)
        made.append(type(name, found, space))
    return made[-1]


def compiled(source: str, name: str) -> Any:  # noqa: ANN401 - a function made here
    """Compile a function of our own, in which nothing foreign stands but identifiers."""
    space: dict[str, Any] = {}
    exec(source, space)  # noqa: S102 - see above
    return space[name]


def identifiers(names: list[str]) -> list[str]:
    """Give the names that can be written down as attributes."""
    return [name for name in names if name.isidentifier() and not keyword.iskeyword(name) and name != "__debug__"]


def setter(names: list[str], parameters: str = "self") -> Any:  # noqa: ANN401 - a function made here
    """Return a function that sets attributes as an __init__ does."""
    lines = [f"def __init__({parameters}):"] + [f"    self.{name} = None" for name in identifiers(names)]
    return compiled("\n".join([*lines, "    return None"]), "__init__")


def maker(cls: Any, names: list[str], state: str, items: int) -> Any:  # noqa: ANN401 - a class made here
    """Return a function that makes one instance in a state."""
    arguments = contents(cls, items)
    set_plain = setter(names)
    odd = sorted(set(names) - set(identifiers(names)))
    reads_dict = state == "materialised" or (state == "split" and sys.version_info >= (3, 11))

    def make() -> Any:  # noqa: ANN401 - as above
        made = cls.__new__(cls, *arguments)
        set_plain(made)
        for name in odd:
            setattr(made, name, None)
        if reads_dict:
            getattr(made, "__dict__", None)
        elif state == "combined" and hasattr(made, "__dict__"):
            made.__dict__ = dict.fromkeys(names)
        return made

    return make


def contents(cls: Any, items: int) -> tuple[Any, ...]:  # noqa: ANN401 - as above
    """Return what a base with items is called with, so that the instance has that many."""
    if issubclass(cls, int):
        return (1 << 30 * (items - 1) if items > 0 else 0,)
    if issubclass(cls, bytes):
        return (bytes(max(items, 0)),)
    if issubclass(cls, tuple):
        return ((None,) * max(items, 0),)
    return ()


def mixed(shapes: list[list[Any]]) -> list[int]:
    """Give the number of the shape of each instance, each shape spread evenly over all."""
    places = [((at + 0.5) / shape[3], number) for number, shape in enumerate(shapes) for at in range(shape[3])]
    return [number for _, number in sorted(places)]


def traced(cls: Any, request: dict[str, Any], *, keep: bool) -> dict[int, int]:  # noqa: ANN401 - as above
    """Return {requested bytes: blocks} of what all instances leave; with ``keep``, of what they are as well."""
    shapes = request["shapes"]
    makers = [maker(cls, names, state, items) for names, state, items, _ in shapes]
    plan = [makers[number] for number in mixed(shapes)]
    settling = CACHED if sys.version_info < (3, 11) else SETTLED if request["settled"] else 0
    for at in range(settling):
        plan[at % len(plan)]()
    held: list[Any] = [None] * len(plan)
    gc.collect()
    tracemalloc.start()
    for at, make in enumerate(plan):
        held[at] = make()
        if not keep:
            held[at] = None
    at = 0
    gc.collect()
    traces = tracemalloc.take_snapshot().traces
    tracemalloc.stop()
    sizes: dict[int, int] = {}
    for trace in traces:
        sizes[trace.size] = sizes.get(trace.size, 0) + 1
    return sizes


def measure(request: dict[str, Any], *, slotted: bool) -> dict[str, Any]:
    """Return requested and allocated bytes of all instances; what stays without them is not theirs."""
    left = traced(build(request["classes"], slotted=slotted), request, keep=False)
    sizes = traced(build(request["classes"], slotted=slotted), request, keep=True)
    own = {size: count - left.get(size, 0) for size, count in sizes.items()}
    return {
        "requested": sum(size * count for size, count in own.items()),
        "allocated": sum(block(size) * count for size, count in own.items()),
    }


def block(size: int) -> int:
    """Round one request as the allocator does."""
    return max(size + 15 & ~15, 16) if size <= SMALL else max(size + 23 & ~15, 32)


def timed(request: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return nanoseconds of processor time to make an instance, and to read an attribute: medians of rounds in turn.

    Functions are compiled anew for each class: the interpreter adapts a call to what it has seen there.
    """
    names, _, items, _ = max(request["shapes"], key=lambda shape: shape[3])
    reads = "".join(f"        made.{name}\n" for name in identifiers(names)) or "        made\n"
    kinds = {}
    for kind, slotted in KINDS:
        takes = bool(contents(build(request["classes"], slotted=slotted), items))
        cls = build(request["classes"], setter(names, "self, items" if takes else "self"), slotted=slotted)
        call = "cls(*arguments)" if takes else "cls()"
        fill = f"def fill(held, places, cls, arguments):\n    for at in places:\n        held[at] = {call}\n"
        read = compiled(f"def read(held):\n    for made in held:\n{reads}", "read")
        kinds[kind] = (compiled(fill, "fill"), read, cls, contents(cls, items))
    making: dict[str, list[int]] = {kind: [] for kind in kinds}
    reading: dict[str, list[int]] = {kind: [] for kind in kinds}
    gc.disable()
    for _ in range(ROUNDS):
        for kind, (fill_all, read_all, cls, arguments) in kinds.items():
            held = [None] * TIMED
            started = time.thread_time_ns()
            fill_all(held, range(TIMED), cls, arguments)
            made = time.thread_time_ns()
            read_all(held)
            reading[kind].append(time.thread_time_ns() - made)
            making[kind].append(made - started)
            del held
    gc.enable()
    return {
        kind: {
            "make_ns": sorted(making[kind])[ROUNDS // 2] / TIMED,
            "read_ns": sorted(reading[kind])[ROUNDS // 2] / TIMED / max(len(identifiers(names)), 1),
        }
        for kind in kinds
    }


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    times = timed(request)
    answer: dict[str, Any] = {"version": list(sys.version_info[:3])}
    for kind, slotted in KINDS:
        answer[kind] = {**measure(request, slotted=slotted), **times[kind]}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
