"""What leads to every object, as a number: attribute, key, position, variable, or why it is a root; for all objects at once.

Never keeps an address or a position in a name, nor a key that is data: what it makes is compared between snapshots, and
between processes. ``edge_names`` names single references, positions included. No I/O.

    .name           attribute: of an instance, a module, a class; of both where there is a dict between
    ['name']        key of a small dict
    [str key]       any other key, by its type
    []              position in a list or tuple
    name            local variable of a frame
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from heapscope.analysis.roots import IMMORTAL_KIND, Roots
from heapscope.analysis.type_names import TypeNames
from heapscope.graph.holders import find_places
from heapscope.graph.library import NONE, Oversight
from heapscope.graph.reach import Ways
from heapscope.snapshot.model import I64Array, Snapshot, U32Array
from heapscope.units import short_type_name
from heapscope.wire.protocol import DictState, Flag, RootKind

MAX_NAMED_KEYS = 64  # a larger dict is a table of data, also where its keys look like names
MAX_NAMED_ATTRIBUTES = 1 << 12  # of a namespace
AT_ONCE = 1 << 20  # objects that are looked at in one go: bounds the memory
NO_STEP = NONE  # an object that stands for its holder: a namespace, what a code object consists of
UNNAMED, POSITION, KEY = "", "[]", "key"
ANY_ATTRIBUTE, ANY_KEY = ".*", "[str key]"

_DICT, _CODE = "builtins.dict", "builtins.code"
_SEQUENCES = frozenset({"builtins.list", "builtins.tuple"})
_OWN_STATES = (DictState.SPLIT, DictState.MATERIALISED, DictState.COMBINED)
_LINE = re.compile(r":\d+$")

BoolArray = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class StepNames:
    """``of[i]`` is the number of the name of the step that leads to object i, or NO_STEP. From ``first_name`` on they are names.

    ``roots`` are the kind and the label behind the numbers that belong to objects without a holder.
    """

    of: U32Array
    first_name: int
    roots: Mapping[int, tuple[str, str]]
    _fixed: tuple[str, ...]
    _texts: tuple[str, ...]
    _variables: tuple[str, ...]

    def text(self, number: int) -> str:
        """Write a name; that of a root is its label."""
        if number < self.first_name:
            return self._fixed[number]
        text, is_key = divmod(number - self.first_name, 2)
        if text < len(self._texts):
            return f"[{self._texts[text]!r}]" if is_key else f".{self._texts[text]}"
        if number in self.roots:
            return self.roots[number][1]
        return self._variables[number - self.first_name - 2 * len(self._texts)]


def name_steps(snapshot: Snapshot, roots: Roots, ways: Ways, type_names: TypeNames, oversight: Oversight) -> StepNames:
    """Name the last step of the way to every object. O(n + m) time; 13 bytes per object, and 100 MB at most. Raises Cancelled."""
    return _Namer(snapshot, roots, ways, type_names, oversight).all(oversight.part(0.4, 1))


class _Namer:
    """Looks at blocks of objects; ``q`` are the holders of some, ``at`` the positions at which these refer to them."""

    def __init__(
        self, snapshot: Snapshot, roots: Roots, ways: Ways, type_names: TypeNames, oversight: Oversight
    ) -> None:
        self._snapshot = snapshot
        self._roots = roots
        self._parent = ways.parent
        self._types = type_names
        self._place = find_places(roots.references, ways.parent, oversight.part(0, 0.4))
        keys = (f"[{short_type_name(name)} key]" for name in type_names.names)
        self._fixed = (UNNAMED, POSITION, KEY, *keys)
        self._texts: dict[str, int] = {}
        self._text_of = np.full(snapshot.object_count, NONE, dtype=np.uint32)
        for index, text in snapshot.naming.names.items():
            self._text_of[index] = self._texts.setdefault(text, len(self._texts))
        self._shapes = _Shapes(snapshot, self._texts)
        self._is_dict = _is_kind_of(snapshot, _DICT)
        self._is_sequence = _is_kind_of(snapshot, *_SEQUENCES)
        self._is_exact_dict, self._is_code = (
            np.array([info.name == name for info in snapshot.types], dtype=np.bool_) for name in (_DICT, _CODE)
        )
        self._is_heap = np.array([info.is_heap for info in snapshot.types], dtype=np.bool_)
        self._is_namespace = np.zeros(snapshot.object_count, dtype=np.bool_)

    def all(self, oversight: Oversight) -> StepNames:
        names = np.full(self._snapshot.object_count, NO_STEP, dtype=np.uint32)
        starts = range(0, self._snapshot.object_count, AT_ONCE)
        for find in (self._find_namespaces, self._name):
            for start in starts:
                oversight.check()
                part = slice(start, start + AT_ONCE)
                held = np.flatnonzero(self._parent[part] != NONE) + start
                find(held, self._parent[held], self._place[held].astype(np.int64), names)
        self._is_namespace[self._roots.namespaces] = True
        base = len(self._fixed) + 2 * len(self._texts)
        variables = self._name_variables(names, base)
        roots = self._name_roots(names, base + len(variables))
        return StepNames(names, len(self._fixed), roots, self._fixed, tuple(self._texts), variables)

    def _counts(self, q: I64Array) -> tuple[I64Array, I64Array, I64Array]:
        """Give the lengths of holders, -1 for none; where their references begin, and how many they are."""
        offsets = self._snapshot.reference_offsets
        starts = offsets[q].astype(np.int64)
        return self._snapshot.length[q], starts, offsets[q + 1].astype(np.int64) - starts

    def _find_namespaces(self, held: I64Array, q: U32Array, at: I64Array, _names: U32Array) -> None:
        """A dict is the namespace of its holder if that is a class, or keeps its attributes in a dict, and this is no item."""
        types = self._snapshot.type_index
        chosen = self._is_exact_dict[types[held]]
        held, at = held[chosen], at[chosen]
        holders = q[chosen].astype(np.int64)
        flags = self._snapshot.flags[holders]
        state = (flags & np.uint32(Flag.DICT_STATE_MASK)) >> np.uint32(Flag.DICT_STATE_SHIFT)
        is_owner = ((flags & np.uint32(Flag.IS_TYPE)) != 0) | (
            self._is_heap[types[holders]] & np.isin(state, _OWN_STATES)
        )
        length, _, count = self._counts(holders)
        items = np.where(length < 0, 0, np.where(self._is_dict[types[holders]], 2 * length, length))
        is_item = np.where(self._is_dict[types[holders]], at < items, at >= count - items)
        found = is_owner & ~is_item & (self._shapes.texts(holders, at) == NONE)
        self._is_namespace[held[found]] = True
        self._is_namespace[self._roots.namespaces] = True

    def _name(self, held: I64Array, q: U32Array, at: I64Array, names: U32Array) -> None:
        holders = q.astype(np.int64)
        kind = self._snapshot.type_index[holders]
        found = np.zeros(held.size, dtype=np.uint32)
        found[self._is_sequence[kind]] = 1
        attribute = self._shapes.texts(holders, at)
        is_attribute = attribute != NONE
        found[is_attribute] = self._numbers(attribute[is_attribute], is_key=False)
        in_dict = np.flatnonzero(self._is_dict[kind] & ~is_attribute)
        found[in_dict] = self._keys(holders[in_dict], at[in_dict])
        found[self._is_namespace[held] | self._is_code[kind]] = NO_STEP
        names[held] = found

    def _keys(self, q: I64Array, at: I64Array) -> U32Array:
        """A dict refers to its keys, then to its values, in the same order."""
        snapshot = self._snapshot
        length, starts, count = self._counts(q)
        is_known = (length >= 0) & (count >= 2 * length) & (at < 2 * length)
        found = np.zeros(q.size, dtype=np.uint32)
        found[is_known & (at < length)] = 2
        values = np.flatnonzero(is_known & (at >= length))
        if not values.size:
            return found
        q, length = q[values], length[values]
        keys = snapshot.reference_targets[starts[values] + at[values] - length]
        text = self._text_of[keys]
        is_namespace = self._is_namespace[q]
        is_named = (text != NONE) & (length <= np.where(is_namespace, MAX_NAMED_ATTRIBUTES, MAX_NAMED_KEYS))
        by_type = 3 + self._types.of_type[snapshot.type_index[keys]]
        found[values] = np.where(is_named, self._numbers(text, is_key=~is_namespace), by_type)
        return found

    def _numbers(self, texts: U32Array, *, is_key: BoolArray | bool) -> U32Array:
        return (len(self._fixed) + 2 * texts.astype(np.int64) + is_key).astype(np.uint32)

    def _name_variables(self, names: U32Array, base: int) -> tuple[str, ...]:
        numbers: dict[str, int] = {}
        for root in self._snapshot.roots:
            if not root.variables or root.object_index < 0:
                continue
            by_address = {address: name for name, address in reversed(root.variables)}
            held = self._roots.references.of(root.object_index)
            for index in held[self._parent[held] == root.object_index].tolist():
                name = by_address.get(int(self._snapshot.address[index]))
                if name is not None:
                    names[index] = base + numbers.setdefault(name, len(numbers))
        return tuple(numbers)

    def _name_roots(self, names: U32Array, base: int) -> dict[int, tuple[str, str]]:
        """Many thousands of roots are immortal, or held by C code: these go by their type."""
        roots = self._roots
        known = {(IMMORTAL_KIND, ""): base, (RootKind.NAMES[RootKind.NATIVE], ""): base + 1}
        for number, objects in enumerate((roots.immortal, roots.native)):
            names[objects[self._parent[objects] == NONE]] = base + number
        for index in np.concatenate([roots.named, roots.thread_frames, roots.static_types]).tolist():
            if self._parent[index] != NONE:
                continue
            root = roots.by_object[index]
            label = _LINE.sub("", root.label) if root.kind == RootKind.FRAME else root.label
            kind = RootKind.FRAME if root.kind == RootKind.THREAD else root.kind
            key = RootKind.NAMES[kind], "" if root.kind == RootKind.THREAD else label
            names[index] = known.setdefault(key, base + len(known))
        return {number: key for key, number in known.items()}


class _Shapes:
    """Attributes of instances that keep them without a dict, by type and fingerprint."""

    def __init__(self, snapshot: Snapshot, numbers: dict[str, int]) -> None:
        self._snapshot = snapshot
        examples = np.array([index for index, _ in snapshot.naming.shapes], dtype=np.int64)
        self._has_shape = np.zeros(len(snapshot.types), dtype=np.bool_)
        self._has_shape[snapshot.type_index[examples]] = True
        marks = self._marks(examples)
        self._order = np.argsort(marks, kind="stable")
        self._sorted = marks[self._order]
        self._examples = examples
        counts = [len(names) for _, names in snapshot.naming.shapes]
        self._counts = np.array(counts, dtype=np.int64)
        self._starts = np.cumsum([0, *counts])[:-1]
        flat = (numbers.setdefault(name, len(numbers)) for _, names in snapshot.naming.shapes for name in names)
        self._flat = np.array([*flat, NONE], dtype=np.uint32)

    def _marks(self, objects: I64Array) -> npt.NDArray[np.uint64]:
        types = self._snapshot.type_index[objects].astype(np.uint64)
        return self._snapshot.fingerprint[objects] ^ (types + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)

    def texts(self, q: I64Array, at: I64Array) -> U32Array:
        """Give the number of the attribute at a position of each object; NONE where there is none."""
        found = np.full(q.size, NONE, dtype=np.uint32)
        types, fingerprints = self._snapshot.type_index, self._snapshot.fingerprint
        asked = np.flatnonzero(self._has_shape[types[q]])
        if not asked.size:
            return found
        q, at = q[asked], at[asked]
        place = np.minimum(np.searchsorted(self._sorted, self._marks(q)), self._sorted.size - 1)
        shape = self._order[place]
        example = self._examples[shape]
        fits = (types[example] == types[q]) & (fingerprints[example] == fingerprints[q]) & (at < self._counts[shape])
        found[asked] = self._flat[np.where(fits, self._starts[shape] + at, -1)]
        return found


def is_named(name: str) -> bool:
    """Tell whether a holder has at most one part of this name; of others it may have any number."""
    return name not in (UNNAMED, KEY, ANY_ATTRIBUTE) and (not name.startswith("[") or name.startswith("['"))


def _is_kind_of(snapshot: Snapshot, *names: str) -> BoolArray:
    """Tell of each type whether it is one of these, or a subclass."""
    addresses = {info.address for info in snapshot.types if info.name in names}
    return np.array(
        [info.name in names or not addresses.isdisjoint(info.mro) for info in snapshot.types], dtype=np.bool_
    )
