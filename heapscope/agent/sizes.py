"""What the rows of one type cost, and their flags: the columns of sizes for a batch of objects.

Never follows a reference and keeps no reference to an object; addresses alone are remembered.
"""

from heapscope.agent import facts
from heapscope.agent.layout import GC_HEAD
from heapscope.agent.plans import RANK_DICTS, RANK_FRAMES, RANK_TYPES, instance_bytes
from heapscope.agent.stream import PACKED
from heapscope.wire.protocol import DictState, Flag

_FUNCTION = type(lambda: None)
_OLD = Flag.TRACKED | 2 << Flag.GENERATION_SHIFT


class RowSizes:
    """Sizes batches of objects. All sets are of ids.

    ``executing`` are frames that run, ``young`` and ``middle`` the collector's generations 0 and 1, ``frozen`` the objects
    that gc.freeze() has moved.
    """

    def __init__(self, tools, executing, young, middle):
        self._is_tracked = tools.is_tracked
        self._executing = executing
        self.young = young
        self._middle = middle
        self._dict_sizes = {}
        self.module_dicts = set()
        self.frozen = ()

    def columns(self, plan, objects, raw):
        """Return (flags list, packed requested, packed allocated)."""
        base = plan.boundary
        if plan.sees_references:
            old = base | _OLD
            flags = [old if is_tracked else base for is_tracked in map(self._is_tracked, objects)]
            self._mark_generation(objects, flags, self.young, 0)
            self._mark_generation(objects, flags, self._middle, 1)
        else:
            flags = [base] * len(objects)
        if self.frozen:
            frozen = self.frozen
            keep = ~Flag.GENERATION_MASK
            flags = [flag & keep | Flag.FROZEN if id(item) in frozen else flag for flag, item in zip(flags, objects)]
        if plan.mark_texts is not None:
            plan.mark_texts(objects, flags)
        if plan.reader is not None:
            return self._instance_sizes(plan, objects, raw, flags)
        if plan.rank == RANK_TYPES:
            return self._type_sizes(plan, objects, flags)
        if raw is None:
            if type(objects[0]) is _FUNCTION:
                flags = [flag | self._function_boundary(item) for flag, item in zip(flags, objects)]
            count = len(objects)
            return flags, plan.requested_of[plan.fixed_size] * count, plan.allocated_of[plan.fixed_size] * count
        requested = list(map(plan.requested_of.__getitem__, raw))
        allocated = list(map(plan.allocated_of.__getitem__, raw))
        if plan.rank == RANK_DICTS:
            self._mark_dicts(objects, flags, requested, allocated)
        elif plan.rank == RANK_FRAMES:
            running = self._executing
            flags = [flag | Flag.BOUNDARY if id(item) in running else flag for flag, item in zip(flags, objects)]
        return flags, b"".join(requested), b"".join(allocated)

    @staticmethod
    def _mark_generation(objects, flags, members, generation):
        if not members or members.isdisjoint(map(id, objects)):
            return
        bits = generation << Flag.GENERATION_SHIFT
        for index, address in enumerate(map(id, objects)):
            if address in members and flags[index] & Flag.TRACKED:
                flags[index] = flags[index] & ~Flag.GENERATION_MASK | bits

    def _instance_sizes(self, plan, objects, raw, flags):
        reader = plan.reader
        entries = reader.read(objects, raw)
        if reader.dict_sizes:
            self._dict_sizes.update(reader.dict_sizes)
            reader.dict_sizes.clear()
        made = {}
        requested = []
        allocated = []
        for index, entry in enumerate(entries):
            key = entry if raw is None else (entry, raw[index])
            row = made.get(key)
            if row is None:
                sizes = instance_bytes(plan, entry, None if raw is None else raw[index])
                extra = (entry & 7) << Flag.DICT_STATE_SHIFT | (Flag.WEAKLY_REFERENCED if entry & 8 else 0)
                row = made[key] = (PACKED[sizes[0]], PACKED[sizes[1]], extra)
            requested.append(row[0])
            allocated.append(row[1])
            flags[index] |= row[2]
        return flags, b"".join(requested), b"".join(allocated)

    def _type_sizes(self, plan, objects, flags):
        # A static type has no GC head although its metatype has the flag.
        sizes = plan.sizeof
        requested = []
        allocated = []
        for kind in objects:
            size = sizes(kind)
            is_heap = facts.flags_of(kind) & 1 << 9
            requested.append(PACKED[size + GC_HEAD * bool(is_heap)])
            allocated.append(plan.allocated_of[size] if is_heap else PACKED[size])
        return flags, b"".join(requested), b"".join(allocated)

    def _mark_dicts(self, objects, flags, requested, allocated):
        special = self._dict_sizes
        modules = self.module_dicts
        if not special and not modules:
            return
        for index, address in enumerate(map(id, objects)):
            if address in special:
                size = special.pop(address)
                requested[index] = PACKED[size]
                allocated[index] = PACKED[64 + (size - 64 + 15 & ~15)]
            elif address in modules:
                flags[index] |= Flag.BOUNDARY

    def _function_boundary(self, function):
        if function.__closure__ is None and not str.__contains__(function.__qualname__, "<locals>"):
            return Flag.BOUNDARY
        return 0


assert DictState.UNKNOWN < 8  # an entry keeps the state in three bits
