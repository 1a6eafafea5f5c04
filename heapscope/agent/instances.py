"""What the instances of one class cost and which attributes they have, read from raw memory.

Never creates a ``__dict__`` and never runs code of the class. Where the layout is not verified the state is UNKNOWN.
"""

from heapscope.agent import facts
from heapscope.agent.attributes import AttributeTally
from heapscope.agent.entry import (
    DICT_OBJECT,
    OWN_DICT,
    SECOND_BLOCK_LIMIT,
    VALUES_SHIFT,
    WEAK,
    entry_cost,
    object_and_values,
)
from heapscope.agent.layout import (
    INLINE_VALUES,
    LONG_SUBCLASS,
    MANAGED_DICT,
    MANAGED_WEAKREF,
    Keys,
    pre_header,
    round8,
    values_bytes,
)
from heapscope.wire.protocol import MAX_OWN_SIZES, DictState

_WORD = (1 << 32) - 1
_SIZEOF = object.__dict__["__sizeof__"]
_DICT = id(dict)
_INT_HEAD = int.__basicsize__
_GETSET = type(type.__dict__["__dict__"])
_MEMBER = type(type(lambda: None).__dict__["__closure__"])


class InstanceReader:
    """Reads batches of instances of one class. Keeps no reference to them."""

    def __init__(self, layout, kind):
        self.layout = layout
        self.memory = layout.memory
        self.type_address = id(kind)
        self.flags = facts.flags_of(kind)
        self.basicsize = facts.basicsize_of(kind)
        self.itemsize = facts.itemsize_of(kind)
        self.fixed = pre_header(layout.minor, self.flags) + self.basicsize
        self.weak_offset = facts.weakrefoffset_of(kind)
        if layout.minor >= 12 and self.flags & MANAGED_WEAKREF:
            self.weak_offset = -32
        self.dict_offset = facts.dictoffset_of(kind)
        self.keys = layout.cached_keys(id(kind)) if layout.verified else None
        self.tally = {}
        self.attributes = AttributeTally(layout, self.keys)
        self.replaced = 0
        self.dict_sizes = {}  # address -> requested bytes, for dicts whose __sizeof__ does not tell the truth
        self.dict_objects = {}  # index in the batch -> dict that the collector cannot see
        self._dict_of = self._find_dict_descriptor(kind)
        self._read = self._choose()

    def _choose(self):
        layout = self.layout
        managed = layout.minor >= 11 and self.flags & MANAGED_DICT
        if not layout.verified:
            return self._read_unknown if managed or self.dict_offset else self._read_plain
        if layout.minor >= 13 and self.flags & INLINE_VALUES and self.keys is not None:
            return self._read_inline
        if managed and layout.minor in (11, 12):
            return self._read_values
        if managed:
            self.dict_offset = -24
            return self._read_pointer
        return self._read_pointer if self.dict_offset else self._read_plain

    def _find_dict_descriptor(self, kind):
        for base in facts.mro_of(kind):
            found = facts._mapping(base).get("__dict__")
            if type(found) is _GETSET or type(found) is _MEMBER:
                return found
        return None

    def read(self, objects, raw_sizes=None):
        """Return the entry of each object; ``raw_sizes`` are their __sizeof__ figures where the type has items."""
        self.dict_objects = {}
        entries = self._read(objects)
        if self.itemsize > 0 and raw_sizes is not None:
            # PyType_GenericAlloc adds one item that __sizeof__ does not count; that of int does not count a dict pointer.
            missed = self.itemsize + (self.basicsize - _INT_HEAD if self.flags & LONG_SUBCLASS else 0)
            entries = [entry + (round8(raw + missed) - self.basicsize << 4) for entry, raw in zip(entries, raw_sizes)]
        tally = self.tally
        for entry in entries:
            tally[entry] = tally.get(entry, 0) + 1
        return entries

    def _weak_bit(self, address):
        return WEAK if self.weak_offset and self.memory.word(address + self.weak_offset) else 0

    def _read_unknown(self, objects):
        size = self.fixed
        if self.flags & INLINE_VALUES and self.layout.minor >= 13:
            size += _SIZEOF(objects[0]) - self.basicsize  # inline values, as many for each instance of a class
        return [DictState.UNKNOWN | size << 4] * len(objects)

    def _read_plain(self, objects):
        entry = DictState.NONE | self.fixed << 4
        if not self.weak_offset or not self.layout.verified or self.weak_offset < -32:
            return [entry] * len(objects)
        offset = self.weak_offset
        word = self.memory.word
        return [entry | WEAK if word(address + offset) else entry for address in map(id, objects)]

    def _read_inline(self, objects):
        entries = []
        window = self.layout.window
        header_at = self.basicsize >> 3
        usable, total = (self.keys.usable, self.keys.usable_total) if self.keys is not None else (0, 0)
        after = header_at + 2 + total + 5
        shapes = self.attributes.shapes
        sizes = {}
        managed_weak = self.weak_offset == -32
        pre = self.fixed - self.basicsize
        for index, address in enumerate(map(id, objects)):
            view = window(address, 4, after)
            if view is None:
                entries.append(DictState.UNKNOWN | self.fixed << 4)
                continue
            words, at = view
            header = words[at + header_at]
            capacity = header & 0xFF
            key = (capacity, words[4] >> 32 if len(words) == 2048 else -1)
            size = sizes.get(key)
            if size is None:
                is_early = usable > 1 or capacity > total
                size = sizes[key] = self.layout.inline_bytes(capacity, address - pre, self.fixed, is_early)
            weak = (WEAK if words[at - 4] else 0) if managed_weak else self._weak_bit(address)
            entry = DictState.INLINE | weak | self.fixed + size << 4
            pointer = words[at - 3]
            if header >> 24 & 0xFF:
                used = header >> 8 & 0xFF
                if used <= 8 and capacity < after - header_at - 2:
                    shape = words[at + header_at + 1 + capacity] & (1 << 8 * used) - 1 | used << 64
                else:
                    shape = self.memory.block(address + self.basicsize + 8 + 8 * capacity, used)
                    if used <= 8:  # the same key as on the short path
                        shape = int.from_bytes(shape, "little") | used << 64
                shapes[shape] = shapes.get(shape, 0) + 1
                if pointer:
                    entry = entry & ~7 | DictState.MATERIALISED | OWN_DICT
                    self._note_materialised(index, objects[index], pointer)
            elif pointer:
                entry = self._add_dict(entry, pointer, objects, index)
            entries.append(entry)
        return entries

    def _note_materialised(self, index, instance, pointer):
        self.dict_sizes[pointer] = DICT_OBJECT
        if self._dict_of is not None:
            self.dict_objects[index] = self._dict_of.__get__(instance)

    def _read_values(self, objects):
        entries = []
        window = self.layout.window
        tagged = self.layout.minor == 12
        total = self.keys.usable_total if self.keys is not None else 0
        shapes = self.attributes.shapes
        base = DictState.NONE | self.fixed << 4
        for index, address in enumerate(map(id, objects)):
            view = window(address, 4, 1)
            if view is None:
                entries.append(DictState.UNKNOWN | self.fixed << 4)
                continue
            words, at = view
            pointer = words[at - 3]
            if tagged:
                values, pointer = (pointer + 1, 0) if pointer & 1 else (0, pointer)
            else:
                values = words[at - 4]
            entry = base | self._weak_bit(address)
            if values:
                size, order = self.layout.values_block(values, total)
                entry = entry & ~7 | DictState.VALUES | size << VALUES_SHIFT
                order = order[::-1]
                shapes[order] = shapes.get(order, 0) + 1
            elif pointer:
                entry = self._add_dict(entry, pointer, objects, index)
            entries.append(entry)
        return entries

    def _read_pointer(self, objects):
        entries = []
        word = self.memory.word
        offset = self.dict_offset
        base = DictState.NONE | self.fixed << 4
        varied = offset < 0 and not (self.layout.minor >= 11 and self.flags & MANAGED_DICT)
        fast = self.layout.minor < 11
        for index, address in enumerate(map(id, objects)):
            pointer = word(address + (self._end_offset(address) if varied else offset))
            entry = base | self._weak_bit(address)
            if pointer:
                split = self._split_before_311(entry, pointer) if fast else 0
                entry = split or self._add_dict(entry, pointer, objects, index)
            entries.append(entry)
        return entries

    def _end_offset(self, address):
        items = self.memory.word(address + 16)
        if items >> 63:
            items = (1 << 64) - items
        return self.dict_offset + round8(self.basicsize + items * self.itemsize)

    def _split_before_311(self, entry, pointer):
        """The usual dict of 3.8-3.10, on a short path: one that shares its keys. 0 where it does not."""
        view = self.layout.window(pointer, 2, 6)
        if view is None:
            return 0
        words, at = view
        if words[at + 1] != _DICT or not words[at + 5]:
            return 0
        table = words[at + 4]
        keys = self.attributes.split_keys.get(table)
        if keys is None:
            keys = self.attributes.split_keys[table] = Keys(self.memory, self.layout.minor, table)
        if words[at] > (2 if words[at - 2] else 1):
            self.replaced += 1
        shape = (table, words[at + 2])
        shapes = self.attributes.shapes
        shapes[shape] = shapes.get(shape, 0) + 1
        return entry & ~7 | DictState.SPLIT | OWN_DICT | values_bytes(self.layout.minor, keys.capacity) << 64

    def _add_dict(self, entry, pointer, objects, index):
        """Return the entry with the state and the cost of the dict object at ``pointer``."""
        memory = self.memory
        if memory.word(pointer + 8) != _DICT:
            self.replaced += 1
            return entry & ~7 | DictState.COMBINED
        tracked = memory.word(pointer - 16)
        shared = memory.word(pointer) & _WORD > (2 if tracked else 1)
        self.replaced += shared
        state, second, order, keys = self.layout.dict_facts(pointer)
        if self.layout.minor >= 11 and state != DictState.COMBINED:
            self.dict_sizes[pointer] = DICT_OBJECT + second
        if state == DictState.COMBINED:
            self._count_combined(objects[index])
        else:
            if self.layout.minor in (11, 12):
                order = order[::-1]
            shape = self._shape(keys, order)
            self.attributes.split_keys.setdefault(keys.address, keys)
            self.attributes.count_shape(shape)
        return entry & ~7 | state | OWN_DICT | (second & SECOND_BLOCK_LIMIT) << 64

    def _shape(self, keys, order):
        """Return the shape of a split dict: where it has the class's keys, the one of instances without a dict object."""
        if self.keys is None or keys.address != self.keys.address or self.layout.minor < 11:
            return (keys.address, order)
        if self.layout.minor < 13 or len(order) > 8:
            return order
        return int.from_bytes(order, "little") | len(order) << 64

    def _count_combined(self, instance):
        names = self._dict_of.__get__(instance) if self._dict_of is not None else None
        if type(names) is dict:
            self.attributes.count_combined(names)

    def record(self):
        """Return the INSTANCES record (INSTANCE_KEYS)."""
        states = {}
        weak = 0
        for entry, number in self.tally.items():
            requested, allocated = entry_cost(entry)
            figures = states.setdefault(entry & 7, [0, 0, 0])
            figures[0] += number
            figures[1] += requested * number
            figures[2] += allocated * number
            weak += number if entry & WEAK else 0
        attributes = self.attributes.counts_by_name()
        return {
            "type_address": self.type_address,
            "count": sum(self.tally.values()),
            "states": states,
            "attributes": {name[:512]: number for name, number in attributes.items()},
            "attributes_truncated": self.attributes.truncated,
            "shapes": self.attributes.shape_count(),
            "weakly_referenced": weak,
            "replaced_dicts": self.replaced,
            "own_sizes": self._own_sizes(),
        }

    def _own_sizes(self):
        """Return {bytes of the own block: instances} of a class with items; {} where there are too many different ones."""
        sizes = {}
        for entry, number in self.tally.items() if self.itemsize > 0 else ():
            own = object_and_values(entry)[0]
            sizes[own] = sizes.get(own, 0) + number
            if len(sizes) > MAX_OWN_SIZES:
                return {}
        return sizes
