"""One plan per type: how to size its objects, count their items, and find their references.

Never looks at an instance, only at types; what is found once serves every object of the type.
"""

from heapscope.agent import facts, references
from heapscope.agent.caches import LEAST_SIZE as CACHE_SIZE
from heapscope.agent.contents import fingerprints_of
from heapscope.agent.entry import object_and_values
from heapscope.agent.instances import InstanceReader
from heapscope.agent.layout import HAVE_GC, HEAP_TYPE, allocated_bytes, pre_header
from heapscope.agent.stream import PACK_CACHE_LIMIT, PACKED
from heapscope.agent.texts import TextMarker
from heapscope.wire.protocol import Flag

RANK_TYPES, RANK_INSTANCES, RANK_OTHERS, RANK_DICTS, RANK_FRAMES = range(5)
TYPE_SUBCLASS = 1 << 31
DICT_SUBCLASS = 1 << 29
STR_SUBCLASS = 1 << 28
DEQUE_BLOCK = 528
_METHOD_DESCRIPTOR = type(list.append)
_OBJECT_SIZEOF = object.__dict__["__sizeof__"]
_BUILTIN = type(len)
_BOUNDARY_TYPES = (
    _BUILTIN,
    _METHOD_DESCRIPTOR,
    type(object.__init__),
    type(type.__dict__["__dict__"]),
    type(type(lambda: None).__dict__["__closure__"]),
    type(dict.__dict__["fromkeys"]),
    type((lambda: None).__code__),
)


class SizeColumn(dict):
    """Packed requested or allocated bytes by the figure that __sizeof__ gave; filled on demand."""

    def __init__(self, compute):
        self.compute = compute

    def __missing__(self, raw):
        if len(self) > PACK_CACHE_LIMIT:
            self.clear()
        packed = self[raw] = PACKED[self.compute(raw)]
        return packed


class Plan:
    """What the walk needs to know about one type; see PlanMaker for how each field is found."""

    __slots__ = (
        "address",
        "adds_type",
        "allocated_of",
        "basicsize",
        "boundary",
        "fingerprints",
        "fixed_size",
        "flags",
        "is_cache",
        "is_heap",
        "itemsize",
        "length",
        "mark_texts",
        "packed_address",
        "pre",
        "rank",
        "reader",
        "references",
        "requested_of",
        "sees_references",
        "sizeof",
    )

    def requested(self, raw):
        """Return requested bytes for a __sizeof__ figure."""
        return self.pre + raw

    def allocated(self, raw):
        """Return the same blocks as the allocator rounds them: the object, and what it owns beside it."""
        if self.itemsize or raw <= self.basicsize or self.flags & STR_SUBCLASS:
            return allocated_bytes(self.pre + raw)
        rest = raw - self.basicsize
        if rest > DEQUE_BLOCK and rest % DEQUE_BLOCK == 0:
            return allocated_bytes(self.pre + self.basicsize) + rest // DEQUE_BLOCK * allocated_bytes(DEQUE_BLOCK)
        return allocated_bytes(self.pre + self.basicsize) + allocated_bytes(rest)

    def buffer_of(self, raw):
        """Return the bytes that a heap-type instance owns beside its own block: list items, text, tables."""
        if self.flags & STR_SUBCLASS:
            return max(0, raw - str.__basicsize__)
        return 0 if self.itemsize else max(0, raw - self.basicsize)


class PlanMaker:
    """Makes plans. ``executing`` are the ids of frames that run."""

    def __init__(self, sys, referents, layout, executing):
        self._layout = layout
        self._referents = referents
        self._texts = TextMarker(layout)
        minor = self.minor = layout.minor
        modules = sys.modules
        self._lengths = [list, tuple, dict, set, frozenset, str, bytes, bytearray]
        deque = self._loaded_type(modules, "_collections", "deque") or self._loaded_type(
            modules, "collections", "deque"
        )
        if deque is not None:
            self._lengths.append(deque)
        frame_type = type(sys._getframe(0))
        self._frame_type = id(frame_type)
        self._module_type = id(type(sys))
        self._boundary = set(map(id, _BOUNDARY_TYPES))
        self._special = {
            id(type(references.make_code.__code__)): references.make_code(minor),
            id(range): references.range_references,
            id(frame_type): references.make_frame(referents, executing, minor),
        }
        module = references.make_module(referents, sys.version_info)
        if module is not None:
            self._special[id(type(sys))] = module
        array = self._loaded_type(modules, "numpy", "ndarray")
        if array is not None:
            self._special[id(array)] = references.make_array(array)
        self.array_type = 0 if array is None else id(array)
        self._cache_type = self._loaded_type(modules, "_functools", "_lru_cache_wrapper")
        self._struct_type = self._loaded_type(modules, "_struct", "Struct")
        self._type_references = references.make_type(referents)
        self._dict_subclass = references.make_dict_subclass(referents)

    @staticmethod
    def _loaded_type(modules, module, name):
        loaded = modules.get(module) if type(modules) is dict else None
        found = loaded.__dict__.get(name) if type(loaded) is type(references) else None
        return found if isinstance_of_type(found) else None

    def make(self, kind):
        """Return the plan of a type."""
        plan = Plan()
        plan.address = id(kind)
        plan.packed_address = id(kind).to_bytes(8, "little")
        plan.flags = flags = facts.flags_of(kind)
        plan.basicsize = facts.basicsize_of(kind)
        plan.itemsize = facts.itemsize_of(kind)
        plan.pre = pre_header(self._layout.minor, flags)
        plan.is_heap = bool(flags & HEAP_TYPE)
        mro = list(map(id, facts.mro_of(kind)))
        plan.sizeof = self._sizeof(kind)
        if self._struct_type is not None and id(self._struct_type) in mro:
            plan.sizeof = make_struct_size(self._struct_type, plan.sizeof)
        plan.is_cache = self._cache_type is not None and id(self._cache_type) in mro and plan.basicsize >= CACHE_SIZE
        plan.fixed_size = plan.basicsize if plan.sizeof is _OBJECT_SIZEOF and not plan.itemsize else None
        plan.fingerprints = fingerprints_of(kind)
        plan.length = None
        for base in self._lengths:
            if id(base) in mro:
                plan.length = len if id(base) == id(kind) else base.__len__
        plan.requested_of = SizeColumn(plan.requested)
        plan.allocated_of = SizeColumn(plan.allocated)
        plan.mark_texts = self._texts.mark if flags & STR_SUBCLASS else None
        plan.adds_type = None
        plan.sees_references = bool(flags & HAVE_GC)
        is_boundary = id(kind) in self._boundary or flags & TYPE_SUBCLASS or self._module_type in mro
        plan.boundary = Flag.BOUNDARY if is_boundary else 0
        plan.reader = None
        self._choose_references(plan, kind, mro)
        return plan

    def _choose_references(self, plan, kind, mro):
        plan.references = self._special.get(plan.address)
        plan.rank = RANK_OTHERS
        if plan.address == self._frame_type:
            plan.rank = RANK_FRAMES
        elif plan.flags & TYPE_SUBCLASS:
            plan.rank = RANK_TYPES
            plan.references = self._type_references
            plan.boundary |= Flag.IS_TYPE
        elif kind is dict:
            plan.rank = RANK_DICTS
            plan.references = references.dict_references
        elif plan.flags & DICT_SUBCLASS:
            plan.references = self._dict_subclass
        if plan.is_heap and not plan.flags & TYPE_SUBCLASS:
            plan.rank = RANK_INSTANCES
            plan.reader = InstanceReader(self._layout, kind)
        if self.array_type in mro and plan.references is None:
            plan.boundary |= Flag.OPAQUE

    @staticmethod
    def _sizeof(kind):
        for base in facts.mro_of(kind):
            found = facts._mapping(base).get("__sizeof__")
            if type(found) is _METHOD_DESCRIPTOR:
                return found
        return _OBJECT_SIZEOF


def make_struct_size(struct_type, sizeof):
    """Return a __sizeof__ for Struct objects: the real one crashes where __init__ never ran."""
    size_of = struct_type.__dict__["size"].__get__

    def size(item):
        try:
            is_ready = size_of(item) >= 0
        except RuntimeError:  # what newer versions say of such an object
            is_ready = False
        return sizeof(item) if is_ready else struct_type.__basicsize__

    return size


def isinstance_of_type(value):
    """Whether a value is a type, without asking the value."""
    return bool(facts.flags_of(type(value)) & TYPE_SUBCLASS)


def instance_bytes(plan, entry, raw):
    """Return (requested, allocated) bytes of an instance row: its block, values block and private buffer, no dict."""
    own, values = object_and_values(entry)
    buffer = plan.buffer_of(raw) if raw is not None else 0
    return own + values + buffer, allocated_bytes(own) + allocated_bytes(values) + allocated_bytes(buffer)
