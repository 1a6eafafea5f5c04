"""Sizes of objects of this very process: the honest successor of recipes that add up ``sys.getsizeof``.

Never creates a ``__dict__``, and never runs code of the objects (no ``__sizeof__``, ``__len__`` or properties of theirs).

The definitions are those of a capture, because the code is: the reference walker's plans, sizes and references
(heapscope/agent) are packed as data and run here, in modules of their own, as they do in a clone. Only the order differs:
it starts at the objects asked about, and stops at boundaries (docs/glossary.md, "recursive size").

Not a frozen copy: what other threads change meanwhile may be counted as it was or as it is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from heapscope.service.payload import load_packed
from heapscope.wire.protocol import DictState, Flag

_IMMORTAL = 1 << 30  # reference counts from there on never change (PEP 683)
_BATCH = 1 << 14
_DICT_OBJECT = 64  # GC head and the dict itself, from 3.8 to 3.15
_BOUNDARY = Flag.BOUNDARY | Flag.IS_TYPE


def shallow_size(obj: object) -> int:
    """Give the bytes of every memory block that ``obj`` alone owns, as requested from the allocator. O(1).

    Unlike ``sys.getsizeof`` it counts inline and split attribute values (3.11 and newer), all headers, and the buffers of
    subclasses; it counts no table that instances of a class share. A ``__dict__`` that exists is an object of its own, and
    not counted; one that does not exist is not made. Takes a tenth of a millisecond, whatever the object.
    """
    return _Measure().total([obj], follow=False)


def recursive_size(*objects: object) -> int:
    """Give the bytes of ``objects`` and of everything they lead to, each object once, as requested from the allocator.

    Not entered, and counted as 0: modules and their namespaces, classes, code, functions that a module defines, built-in
    functions, running frames, immortal objects (None, small ints and interned names on 3.12 and newer), targets of weak
    references; unless they are among ``objects``. Closures, methods' owners, generators and exceptions are entered.

    O(what is reached): a microsecond or two per object, 100 bytes of memory each while it runs; any depth.

    Raises:
        RuntimeError: a finalizer changed a dict at the very moment at which it was read; ask again.
    """
    return _Measure().total(list(objects), follow=True)


class _OwnMemory:
    """As much of ``posix`` as the walker's Memory uses: reads of this process, through a descriptor that is closed again."""

    O_RDONLY = os.O_RDONLY
    pread = staticmethod(os.pread)

    def __init__(self) -> None:
        self.descriptor = -1

    def open(self, path: str, flags: int) -> int:
        """Open /proc/self/mem."""
        self.descriptor = os.open(path, flags | os.O_CLOEXEC)
        return self.descriptor

    def close(self) -> None:
        """Close it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


class _Tools:
    """What RowSizes asks of the collector."""

    is_tracked = staticmethod(gc.is_tracked)


class _Measure:
    """One measurement. The walker's parts are made anew: what they keep of memory is true for a moment only."""

    def __init__(self) -> None:
        self._executing: set[int] = set()
        self._frames_known = False
        self._plans: dict[int, Any] = {}

    def total(self, objects: list[object], *, follow: bool) -> int:
        """Add up the sizes of objects, and with ``follow`` of what they lead to."""
        with self._opened():
            return self._walk(objects, follow=follow)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        memory = _OwnMemory()
        try:
            self._layout = _open_layout(memory)
            self._ranks = load_packed("heapscope.agent.plans")
            self._maker = self._ranks.PlanMaker(sys, gc.get_referents, self._layout, self._executing)
            self._sizes = load_packed("heapscope.agent.sizes").RowSizes(_Tools, self._executing, (), ())
            self._sizes.module_dicts.update(_namespaces())
            yield
        finally:
            memory.close()

    def _walk(self, objects: list[object], *, follow: bool) -> int:
        seen = set(map(id, objects))
        asked = frozenset(seen)
        # An object asked about twice counts once.
        pending = list({id(item): item for item in objects}.values())
        total = 0
        while pending:
            found: list[object] = []
            for group in _by_type(pending):
                for start in range(0, len(group), _BATCH):
                    total += self._take(group[start : start + _BATCH], asked, found if follow else None)
            # The level before is dropped here only: as long as it lives, no address is used again.
            pending = []
            for item in found:
                if id(item) not in seen:
                    seen.add(id(item))
                    pending.append(item)
        return total

    def _take(self, objects: list[object], asked: frozenset[int], found: list[object] | None) -> int:
        """Return the bytes of objects of one type that are no boundaries; what they refer to goes to ``found``."""
        plan = self._plan(type(objects[0]))
        raw = None if plan.fixed_size is not None else list(map(plan.sizeof, objects))
        flags, requested, _ = self._sizes.columns(plan, objects, raw)
        sizes = memoryview(requested).cast("Q").tolist()
        hidden = dict(plan.reader.dict_objects) if plan.reader is not None else {}
        if plan.reader is not None:
            plan.reader.dict_objects = {}
        refers = plan.references or (gc.get_referents if plan.sees_references or plan.is_heap else None)
        total = 0
        for index, item in enumerate(objects):
            is_boundary = flags[index] & _BOUNDARY or sys.getrefcount(item) >= _IMMORTAL
            if is_boundary and id(item) not in asked:
                continue
            total += self._dict_size(item, sizes[index]) if plan.rank == self._ranks.RANK_DICTS else sizes[index]
            if found is None:
                continue
            if refers is not None:
                found.extend(refers(item))
            if index in hidden:
                found.append(hidden[index])
        return total

    def _plan(self, kind: type) -> Any:  # noqa: ANN401 - the packed walker is data to the type checker
        plan = self._plans.get(id(kind))
        if plan is None:
            plan = self._plans[id(kind)] = self._maker.make(kind)
            if plan.rank == self._ranks.RANK_FRAMES and not self._frames_known:
                self._frames_known = True
                self._executing.update(_executing_frames())
        return plan

    def _dict_size(self, item: object, size: int) -> int:
        """``dict.__sizeof__`` counts keys that a dict shares with its class; the walker corrects that with the instance."""
        if not self._layout.verified:
            return size
        state, second, _, _ = self._layout.dict_facts(id(item))
        return size if state in (DictState.COMBINED, DictState.UNKNOWN) else _DICT_OBJECT + int(second)


_verified: list[bool] = []  # whether the layout of this interpreter held; found out once


def _open_layout(memory: _OwnMemory) -> Any:  # noqa: ANN401 - as above
    if not _verified:
        _, layout = load_packed("heapscope.agent.main").open_layout(sys, memory, [])
        _verified.append(layout.verified)
        return layout
    parts = load_packed("heapscope.agent.layout")
    if not _verified[0]:
        return parts.Layout(None, sys.version_info[1])
    layout = parts.Layout(load_packed("heapscope.agent.memory").Memory(memory), sys.version_info[1])
    layout.verified = True
    return layout


def _by_type(objects: list[object]) -> list[list[object]]:
    groups: dict[int, list[object]] = {}
    for item in objects:
        groups.setdefault(id(type(item)), []).append(item)
    return list(groups.values())


def _namespaces() -> set[int]:
    """Find the namespaces of modules: run-time functions refer to them, and are entered."""
    module_type = type(sys)
    # Values may be anything: a program may put an object of its own into sys.modules.
    modules = [module for module in list(sys.modules.values()) if issubclass(type(module), module_type)]
    return {id(_namespace_of(module)) for module in modules}


_namespace_of: Callable[[object], dict[str, Any]] = vars(type(sys))["__dict__"].__get__


def _executing_frames() -> set[int]:
    found = set()
    for frame in sys._current_frames().values():  # noqa: SLF001 - documented, for specialised purposes
        step: Any = frame
        while step is not None:
            found.add(id(step))
            step = step.f_back
    return found
